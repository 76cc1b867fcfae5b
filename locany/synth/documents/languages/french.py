"""French."""

from __future__ import annotations

from locany.synth.documents.languages.lexicon import Lexicon, listed, paired

LEXICON = Lexicon(
    code="fr",
    script="latin",
    patterns=(
        "{s} {v} {o} {t}.",
        "{s} {v} {o}.",
        "{s} {v} {o}, et {s} {v} {o}.",
        "{s} {v} {o} {t}, car {s} {v} {o}.",
        "{s} {v} {o}, mais {s} {v} {o} {t}.",
    ),
    subjects=listed("""
le comité; la mesure; le procédé; le nouveau contrat; l'atelier; cet appareil; le rapport annuel
la méthode; le modèle; le client; le service technique; le musée; la rivière; la route; ce bâtiment
le fournisseur; la bibliothèque; l'orchestre; le voisin; la région; le résultat; la commune
cette entreprise; le jardin; la petite usine; le réseau; la deuxième étude; l'administration
le projet commun; une équipe régionale; chaque élève; notre système
"""),
    verbs=listed("""
décrit; soutient; remplace; améliore; limite; explique; atteint; modifie; protège; contrôle
présente; compare; confirme; complète; reçoit; exige; dépasse; prépare; sépare; réduit; évalue; suit
contient; précède
"""),
    objects=listed("""
le comité; une mesure; le procédé; un nouveau contrat; l'atelier; un appareil fiable; le rapport
la méthode; un modèle simple; le client; le service; un musée; la rivière; une large route
le bâtiment; le calendrier; l'archive; une bibliothèque; le règlement; un autre résultat; la commune
le budget annuel; une pièce extérieure; l'échantillon; la première étape; un réseau local
le matériel électrique; une légère différence; la qualité de l'eau
"""),
    tails=listed("""
au premier trimestre; pendant l'été; à la fin de l'année; depuis plusieurs semaines
dans la plupart des cas; comme prévu; sans retard; des deux côtés; après la réunion
avant l'échéance; à température ambiante; pour la première fois; entre les deux villes
avec grand soin; en une seule étape; chaque semaine; de façon régulière
"""),
    openers=listed(
        "De plus,; Cependant,; En général,; Par exemple,; Enfin,; Dans ce cas,; En bref,; Par conséquent,"
    ),
    titles=listed(
        "{a} et {b}; {a} : un guide; {a}, {b} et {c}; Notes sur {a}; De {a} à {b}; Introduction : {a}"
    ),
    terms=listed("""
stockage d'énergie; qualité de l'eau; transport public; analyse de données; transfert de chaleur
urbanisme; service client; gestion des risques; traitement d'images; sécurité alimentaire
croissance du marché; énergie solaire; contrôle qualité; coûts du projet; humidité du sol
sécurité du réseau; formation; vitesse du vent; frais de voyage; essais de matériaux
fournitures de bureau; entretien; chiffre d'affaires; taux de change; niveau sonore
"""),
    headings=listed("""
Introduction; Contexte; Méthodes; Matériel; Résultats; Discussion; Conclusion; Données; Expériences
Aperçu; Définitions; Exigences; Évaluation; Limites; Perspectives; Sécurité; Entretien; Objectifs
Généralités
"""),
    labels=paired("""
abstract: Résumé; keywords: Mots-clés; figure: Figure; table: Tableau; references: Références
by: Par; invoice: Facture; number: N°; date: Date; due: Échéance; bill_to: Facturer à
ship_to: Livrer à; description: Désignation; quantity: Qté; price: Prix unitaire; amount: Montant
subtotal: Sous-total; tax: TVA; total: Total; thanks: Merci de votre confiance.; bank: Banque
account: Compte; terms: Paiement à 30 jours.; dear: Bonjour; regards: Cordialement,; subject: Objet
form: Formulaire; signature: Signature; place: Lieu; please: À remplir en lettres capitales.
office: Réservé au service; receipt: Ticket; cash: Espèces; change: Rendu; card: Carte bancaire
statement: Relevé de compte; balance: Solde; opening: Solde initial; closing: Solde final
debit: Débit; credit: Crédit; chapter: Chapitre; warning: Attention; note: Remarque
skills: Compétences; experience: Expérience; education: Formation; profile: Profil; menu: Carte
starters: Entrées; mains: Plats; desserts: Desserts; drinks: Boissons; features: Caractéristiques
parameter: Paramètre; minimum: Min; typical: Typ; maximum: Max; unit: Unité; report: Rapport
manual: Notice; confidential: Confidentiel; volume: Tome; admission: Entrée libre
today: Aujourd'hui
"""),
    items=listed("""
Lampe de bureau; Cahier A5; Papier; Chaise; Câble USB; Stylo bleu; Filtre à eau; Café 1 kg
Tuyau d'arrosage; Horloge; Pinceau; Ampoule; Savon; Jus d'orange; Pain complet; Lait entier; Pommes
Fromage; Riz 2 kg; Livraison; Installation; Licence annuelle; Conseil; Réparation; Stage
"""),
    dishes=listed("""
Soupe à l'oignon; Salade verte; Pâté de campagne; Crudités; Saumon grillé; Poulet rôti; Bœuf braisé
Gratin de légumes; Tarte au citron; Crème brûlée; Mousse au chocolat; Glace vanille; Thé glacé
Vin rouge; Jus d'orange; Eau gazeuse
"""),
    first_names=listed(
        "Hélène; François; Marie; Pierre; Chloé; Luc; Zoé; André; Inès; Thérèse; Jérôme; Noël"
    ),
    last_names=listed(
        "Lefèvre; Moreau; Girard; Bonnet; Dupré; Fontaine; Mercier; Garnier; Faure; Rivière; Gérard; Noir"
    ),
    streets=listed(
        "rue de la Gare; rue du Moulin; avenue du Parc; rue de l'Église; quai de la Rive; place du Marché"
    ),
    cities=listed("Villeneuve; Beaumont; Clairval; Montfort; Rochebelle; Saint-Aubin; Fontenay; Bellerive"),
    firms=listed("{n} & Fils; {n} Conseil; Ateliers {n}; {n} Distribution; Éditions {n}; Groupe {n}"),
    months=listed(
        "janvier; février; mars; avril; mai; juin; juillet; août; septembre; octobre; novembre; décembre"
    ),
    fields=listed("""
Nom; Prénom; Date de naissance; Adresse; Ville; Pays; Téléphone; Courriel; Profession; Employeur
Numéro de compte; Numéro de membre; Référence; Remarques
"""),
    decimal=",",
    thousands=" ",
    money="{x} €",
    date=("{d} {m} {y}", "{p}/{n}/{y}"),
)
