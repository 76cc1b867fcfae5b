"""German."""

from __future__ import annotations

from locany.synth.documents.languages.lexicon import Lexicon, listed, paired

LEXICON = Lexicon(
    code="de",
    script="latin",
    patterns=(
        "{s} {v} {o} {t}.",
        "{s} {v} {o}.",
        "{s} {v} {o}, und {s} {v} {o}.",
        "{s} {v} {o}, denn {s} {v} {o} {t}.",
        "{s} {v} {o} {t}, aber {s} {v} {o}.",
    ),
    subjects=listed("""
der Ausschuss; die Prüfung; das Verfahren; der neue Vertrag; die Werkstatt; das Gerät; der Bericht
die Messung; das Modell; der Kunde; die Abteilung; das Museum; der Fluss; die Straße; das Gebäude
der Lieferant; die Bücherei; das Orchester; der Nachbar; die Regierung; das Ergebnis; der Antrag
die Gemeinde; das Unternehmen; der Garten; die kleine Fabrik; das örtliche Netz; der zweite Versuch
die öffentliche Verwaltung; das gemeinsame Projekt
"""),
    verbs=listed("""
beschreibt; unterstützt; ersetzt; verbessert; begrenzt; erklärt; erreicht; verändert; schützt
verbindet; prüft; liefert; vergleicht; bestätigt; erweitert; empfängt; bestimmt; benötigt
überschreitet; vermeidet; ergänzt; trennt
"""),
    objects=listed("""
den Ausschuss; die Prüfung; das Verfahren; einen neuen Vertrag; die Werkstatt; das Gerät
den Bericht; jede Messung; ein einfaches Modell; den Kunden; die Abteilung; das Museum; den Fluss
eine breite Straße; das Gebäude; den Zeitplan; die Bücherei; ein altes Archiv; den Nachbarn
die Verordnung; das Ergebnis; einen weiteren Antrag; die Gemeinde; den jährlichen Haushalt
die größere Anlage; ein zuverlässiges Messgerät; den äußeren Rahmen; die Übersicht
"""),
    tails=listed("""
im ersten Quartal; während des Sommers; am Ende des Jahres; seit mehreren Wochen
in den meisten Fällen; wie erwartet; ohne Verzögerung; auf beiden Seiten; nach der Sitzung
vor Ablauf der Frist; bei Raumtemperatur; zum ersten Mal; um etwa zehn Prozent
zwischen den beiden Städten; mit großer Sorgfalt; in einem einzigen Schritt; jede Woche
"""),
    openers=(),
    titles=listed(
        "{a} und {b}; {a} in der Praxis; {a}, {b} und {c}; Grundlagen: {a}; Von {a} bis {b}; {a}: "
        "ein Überblick"
    ),
    terms=listed("""
Energiespeicher; Wasserqualität; Nahverkehr; Datenanalyse; Wärmeübertragung; Stadtplanung
Produktgestaltung; Kundendienst; Risikobewertung; Lieferketten; Bildverarbeitung
Lebensmittelsicherheit; Marktwachstum; Messtechnik; Qualitätssicherung; Projektkosten; Bodenfeuchte
Netzwerksicherheit; Schulungen; Windgeschwindigkeit; Reisekosten; Werkstoffprüfung; Bürobedarf
Gebäudewartung; Umsatzerlöse; Personalkosten; Wechselkurse; Lärmschutz; Laufzeit
"""),
    headings=listed("""
Einleitung; Grundlagen; Methoden; Ergebnisse; Diskussion; Zusammenfassung; Daten; Versuche
Überblick; Geltungsbereich; Begriffe; Anforderungen; Auswertung; Ausblick; Sicherheit; Wartung
Marktlage; Ziele; Empfehlungen; Allgemeines
"""),
    labels=paired("""
abstract: Kurzfassung; keywords: Stichwörter; figure: Abbildung; table: Tabelle
references: Literatur; by: Von; invoice: Rechnung; number: Nr.; date: Datum; due: Fällig am
bill_to: Rechnung an; ship_to: Lieferung an; description: Bezeichnung; quantity: Menge
price: Einzelpreis; amount: Betrag; subtotal: Zwischensumme; tax: MwSt.; total: Gesamtbetrag
thanks: Vielen Dank für Ihren Auftrag.; bank: Bank; account: Konto; terms: Zahlbar in 30 Tagen.
dear: Guten Tag; regards: Mit freundlichen Grüßen; subject: Betreff; form: Antrag
signature: Unterschrift; place: Ort; please: Bitte in Druckbuchstaben ausfüllen.
office: Nur für das Amt; receipt: Kassenbon; cash: Bar; change: Rückgeld; card: Kartenzahlung
statement: Kontoauszug; balance: Saldo; opening: Anfangssaldo; closing: Endsaldo; debit: Soll
credit: Haben; chapter: Kapitel; warning: Warnung; note: Hinweis; skills: Kenntnisse
experience: Berufserfahrung; education: Ausbildung; profile: Profil; menu: Speisekarte
starters: Vorspeisen; mains: Hauptgerichte; desserts: Nachspeisen; drinks: Getränke
features: Merkmale; parameter: Kenngröße; minimum: Min; typical: Typ; maximum: Max; unit: Einheit
report: Bericht; manual: Bedienungsanleitung; confidential: Vertraulich; volume: Band
admission: Eintritt frei; today: Heute
"""),
    items=listed("""
Schreibtischlampe; Notizbuch A5; Druckerpapier; Bürostuhl; Ladekabel; Kugelschreiber; Wasserfilter
Kaffee 1 kg; Gartenschlauch; Werkzeugkoffer; Wanduhr; Pinsel; Glühlampe; Seife; Orangensaft
Vollkornbrot; Milch; Äpfel; Käse; Reis 2 kg; Lieferung; Montage; Jahreslizenz; Beratung; Reparatur
Schulung
"""),
    dishes=listed("""
Tomatensuppe; Grüner Salat; Knoblauchbrot; Käseplatte; Gebratener Lachs; Brathähnchen; Pilzrisotto
Rindergulasch; Apfelkuchen; Vanilleeis; Rote Grütze; Käsekuchen; Eistee; Hauswein
Frischer Orangensaft; Mineralwasser
"""),
    first_names=listed("Anna; Jürgen; Maria; Peter; Käthe; Lukas; Emma; Robert; Nina; Thomas; Jörg; Sabine"),
    last_names=listed(
        "Müller; Schröder; Köhler; Weber; Hoffmann; Krüger; Vogel; Lange; Busch; Böhm; Seidel; Winter"
    ),
    streets=listed(
        "Bahnhofstraße; Mühlweg; Parkallee; Hauptstraße; Kirchgasse; Uferweg; Eichenstraße; Königsplatz"
    ),
    cities=listed("Neustadt; Grünau; Steinfeld; Altenburg; Waldheim; Seehausen; Lindenthal; Königsbach"),
    firms=listed("{n} & Söhne GmbH; {n} Logistik; {n} Messtechnik KG; {n} Handel AG; {n} Verlag"),
    months=listed(
        "Januar; Februar; März; April; Mai; Juni; Juli; August; September; Oktober; November; Dezember"
    ),
    fields=listed("""
Name; Vorname; Geburtsdatum; Straße; Wohnort; Land; Telefon; E-Mail; Beruf; Arbeitgeber; Kontonummer
Mitgliedsnummer; Aktenzeichen; Bemerkungen
"""),
    decimal=",",
    thousands=".",
    money="{x} €",
    date=("{d}. {m} {y}", "{p}.{n}.{y}"),
)
