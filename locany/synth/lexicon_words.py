"""What is written on signs and print, by language: plain everyday wording in many scripts.

Entries are separated by "|". All is our own wording of what stands on any street; the names are common
ones or invented.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """The wording of a language.

    Attributes:
        code: for example "de".
        script: as in `fonts.Family.scripts`.
        signs: one to four words that stand alone.
        shops: what a shop or an office is.
        names: of families, places and brands.
        streets: names of streets and squares.
        goods: what is sold, on labels and menus.
        notices: longer lines.
        days: short names of some days or spans of days.
        price: a pattern with {} for the amount; a comma in it means decimals are written with one.
    """

    code: str
    script: str
    signs: tuple[str, ...]
    shops: tuple[str, ...]
    names: tuple[str, ...]
    streets: tuple[str, ...]
    goods: tuple[str, ...]
    notices: tuple[str, ...]
    days: tuple[str, ...]
    price: str

    @property
    def phrases(self) -> tuple[str, ...]:
        """Everything, in one order."""
        parts = (self.signs, self.shops, self.names, self.streets, self.goods, self.notices, self.days)
        return tuple(phrase for part in parts for phrase in part)


def _language(code: str, script: str, price: str, *parts: str) -> Language:
    signs, shops, names, streets, goods, notices, days = (tuple(part.split("|")) for part in parts)
    return Language(code, script, signs, shops, names, streets, goods, notices, days, price)


_LIST = (
    _language(
        "en",
        "latin",
        "${}",
        "open|closed|exit|push|pull|stop|sale|for rent|no parking|private|danger|caution|wet paint|"
        "way out|keep left|one way|no smoking|staff only|fire door|lost property|ticket office|toilets|"
        "waiting room|entrance|lift|please ring|mind the step|no entry|reserved|sold out|fresh|new|"
        "free wifi|taxi|police|hotel|vacancies|help wanted|cash only|self service|information|platform|"
        "baggage|arrivals|departures|gate|pay here|give way|road closed|slow|school|speed limit|bus stop|"
        "car park|emergency|first aid|deliveries|loading bay|hot|cold",
        "bakery|butcher|barber|bookshop|café|pharmacy|florist|hardware|laundry|grocery|diner|tailor|"
        "shoe repair|dentist|garage|bank|post office|cinema|theatre|library|museum|pizza|coffee|tea room|"
        "fish & chips|antiques|records|bicycles|optician|travel agency|jeweller|toys|gallery|music hall|"
        "sports bar|nail salon|tyres|vet",
        "Miller|Parker|Bennett|Hughes|Cooper|Wells|Harper|Lowe|Grant|Foster|Willow|Ashford|Redwood|"
        "Kingsley|Marlow|Clifton|Bayside|Harbour|Summit|Oakfield|Juno|Nova|Atlas|Orbit|Lumen|Pioneer|"
        "Union|Crown|Eagle",
        "High Street|Station Road|Mill Lane|Church Hill|Queens Avenue|Park Row|Bridge Street|Green Lane|"
        "Maple Drive|North Quay|Market Square|Elm Grove|Victoria Place|River Walk|Broad Street|"
        "Chapel Close|Harbor Blvd|5th Ave",
        "bread|milk|butter|apple juice|green tea|honey|strawberry jam|olive oil|sea salt|brown rice|"
        "tomato soup|oat biscuits|dark chocolate|lemonade|cheese|ham sandwich|roast chicken|mushroom pie|"
        "caesar salad|iced latte|flat white|espresso|pancakes|apple crumble|mineral water|shampoo|"
        "hand soap|candles|batteries|notebook|socks",
        "please keep this door closed|no dogs on the beach|thank you for your visit|"
        "children under five go free|please do not feed the birds|live music every friday night|"
        "all proceeds go to charity|beware of the dog|we are open seven days a week|"
        "this way to the gardens|customer parking at rear|video surveillance in use|shake well before use|"
        "store in a cool dry place|buy one get one free|grand opening this saturday",
        "Mon-Fri|Sat|Sun|Mon-Sat|Tue|Wed|Thu|Daily",
    ),
    _language(
        "de",
        "latin",
        "{} €,",
        "offen|geschlossen|Ausgang|Eingang|drücken|ziehen|Halt|Vorsicht|Achtung|Einbahnstraße|"
        "kein Zutritt|Notausgang|Rauchen verboten|Ausfahrt freihalten|Parken verboten|Gleis|Bahnhof|"
        "Flughafen|Zimmer frei|zu vermieten|Selbstbedienung|frisch gestrichen|Umleitung|Baustelle|Kasse|"
        "Auskunft|Hausnummer|Briefkasten|Aufzug|Räumung",
        "Bäckerei|Metzgerei|Friseur|Buchhandlung|Apotheke|Blumen|Reinigung|Schlüsseldienst|Gasthaus|"
        "Weinstube|Getränke|Zahnarzt|Schuhhaus|Juwelier|Optik|Fahrräder|Konditorei|Eisdiele|Sparkasse|"
        "Rathaus|Bücherei|Möbel|Änderungen",
        "Müller|Krüger|Bäumler|Schäfer|Vogt|Weiß|Lindner|Hofer|Jäger|Straub|Königshof|Lindenau|Grünfeld|"
        "Seeblick",
        "Hauptstraße|Bahnhofstraße|Gartenweg|Schloßplatz|Mühlgasse|Lindenallee|Am Markt|Goethestraße|"
        "Ostring|Kirchweg",
        "Brötchen|Käsekuchen|Apfelsaft|Weißbier|Rotwein|Kartoffelsalat|Bratwurst|Spätzle|Gemüsesuppe|"
        "Quark|Honig|Vollkornbrot|Kräutertee|Mineralwasser|Milchkaffee|Schinken|Äpfel|Zwiebelkuchen|Nüsse|"
        "Pflaumenmus",
        "Bitte Tür schließen|Betreten auf eigene Gefahr|Hunde müssen draußen bleiben|"
        "Heute frische Erdbeeren|Wir machen Urlaub|Eltern haften für ihre Kinder|"
        "Vielen Dank für Ihren Besuch|Kühl und trocken lagern",
        "Mo-Fr|Sa|So|Mo-Sa|Di|Mi|Do",
    ),
    _language(
        "fr",
        "latin",
        "{} €,",
        "ouvert|fermé|sortie|entrée|pousser|tirer|arrêt|à louer|à vendre|défense de fumer|sens unique|"
        "accueil|sortie de secours|stationnement interdit|complet|soldes|nouveauté|caisse|quai|gare|hôtel|"
        "mairie|peinture fraîche|travaux|attention à la marche|chambres libres|école|passage piéton|"
        "boîte aux lettres|privé",
        "boulangerie|pâtisserie|boucherie|crêperie|fleuriste|pharmacie|librairie|coiffeur|épicerie|"
        "fromagerie|poissonnerie|brasserie|tabac|pressing|opticien|théâtre|musée|cinéma|bijouterie|"
        "cordonnerie|le café|la poste",
        "Lefèvre|Moreau|Durand|Girard|Chevalier|Rousseau|Beaumont|Clément|Étoile|Belle Rive|Saint-Aubin|"
        "Montclair",
        "rue de la Gare|place du Marché|avenue des Tilleuls|rue du Moulin|quai des Brumes|"
        "impasse des Lilas|boulevard Voltaire|rue Pasteur|cours de l'Europe|chemin Vert|rue des Écoles|"
        "place de l'Église",
        "pain complet|baguette|croissant|tarte aux pommes|crème brûlée|jus d'orange|café crème|"
        "thé à la menthe|œufs frais|jambon|fromage de chèvre|vin rouge|moutarde|confiture|beurre salé|"
        "soupe à l'oignon|eau gazeuse",
        "merci de fermer la porte|chien méchant|menu du jour à midi|fermé pour congés annuels|"
        "prière de sonner|à consommer de préférence avant|concert gratuit ce soir|ne pas déranger|"
        "poissons et fruits de mer",
        "lun-ven|sam|dim|mar|mer|jeu",
    ),
    _language(
        "es",
        "latin",
        "{} €,",
        "abierto|cerrado|salida|entrada|empuje|tire|alto|peligro|se alquila|se vende|prohibido fumar|"
        "aseos|rebajas|no pasar|salida de emergencia|ceda el paso|cuidado con el perro|recién pintado|"
        "ascensor|estación|andén|caja|servicio|información|obras|niños|playa|mañana|vado permanente|"
        "sentido único|novedad|oferta",
        "panadería|carnicería|peluquería|librería|farmacia|frutería|zapatería|joyería|cafetería|taberna|"
        "heladería|óptica|lavandería|ferretería|correos|mercado|teatro|museo|pescadería|floristería|"
        "churrería|bodega",
        "García|Núñez|Ibáñez|Romero|Vázquez|Peña|Castillo|Montoya|El Faro|Las Palmas|La Española|Sol y Mar",
        "calle Mayor|plaza de España|avenida del Mar|paseo del Río|calle de la Luna|camino Real|"
        "ronda Norte|callejón del Agua|plaza del Pilar|travesía del Olmo",
        "jamón|queso curado|tortilla|gazpacho|zumo de piña|aceite de oliva|pan rústico|café con leche|"
        "horchata|piñones|miel de azahar|champú|galletas|limón|arroz negro|agua fría|vino tinto|empanadas",
        "cierre la puerta al salir|menú del día diez euros|no pisar el césped|gracias por su visita|"
        "se habla inglés|agitar antes de usar|fiesta este sábado en la plaza|prohibido fijar carteles",
        "lun-vie|sáb|dom|mar|mié|jue",
    ),
    _language(
        "it",
        "latin",
        "€ {},",
        "aperto|chiuso|uscita|entrata|spingere|tirare|vietato fumare|affittasi|vendesi|saldi|novità|cassa|"
        "binario|attenti al cane|senso unico|passo carrabile|stazione|biglietti|bagno|pericolo|"
        "lavori in corso|camere libere|uscita di sicurezza|vietato l'accesso|privato|silenzio|fermata",
        "panificio|macelleria|gelateria|libreria|farmacia|pasticceria|trattoria|osteria|tabacchi|"
        "calzolaio|ottica|fioraio|parrucchiere|enoteca|caffè|lavanderia|gioielleria|alimentari|teatro|"
        "museo civico",
        "Rossi|Bianchi|Ferrari|Conti|Moretti|Villa Serena|Bella Vista|Da Gino|Aurora|La Pergola|San Marco",
        "via Roma|piazza del Duomo|corso Italia|viale dei Pini|via Garibaldi|vicolo Stretto|largo Augusto|"
        "lungomare",
        "pane integrale|prosciutto|mozzarella|caffè espresso|tiramisù|limoncello|pasta fresca|"
        "olio d'oliva|pomodori|acqua frizzante|torta di mele|risotto|miele|focaccia|granita|ragù|tè freddo",
        "si prega di chiudere la porta|torno subito|pesce fresco ogni giorno|vietato calpestare le aiuole|"
        "specialità della casa|conservare in luogo fresco|chiuso per ferie fino a settembre",
        "lun-ven|sab|dom|mar|mer|gio",
    ),
    _language(
        "pt",
        "latin",
        "R$ {},",
        "aberto|fechado|saída|entrada|empurre|puxe|pare|proibido fumar|aluga-se|vende-se|promoção|atenção|"
        "caixa|saída de emergência|estação|informações|banheiro|não entre|obras|cuidado com o cão|praia|"
        "grátis|elevador|novo",
        "padaria|açougue|farmácia|livraria|barbearia|pastelaria|sapataria|lanchonete|churrascaria|"
        "correios|óptica|papelaria|floricultura|mercearia|ferragens|confeitaria|museu|lavanderia",
        "Gonçalves|Araújo|Magalhães|Simões|Conceição|Bela Vista|Boa Esperança|São João|Três Irmãos",
        "rua Direita|avenida Atlântica|praça da República|travessa das Flores|rua São Bento|largo do Carmo",
        "pão de queijo|café com leite|suco de maracujá|feijão|açúcar|coxinha|água de coco|bolo de limão|"
        "leite|manteiga|queijo minas|vinho verde|bacalhau|maçã|sabão",
        "obrigado pela visita|não pise na grama|almoço executivo todos os dias|agite antes de usar|"
        "volto em dez minutos|música ao vivo às sextas",
        "seg-sex|sáb|dom|ter|qua|qui",
    ),
    _language(
        "pl",
        "latin",
        "{} zł,",
        "otwarte|zamknięte|wyjście|wejście|pchać|ciągnąć|uwaga|zakaz palenia|do wynajęcia|wyprzedaż|"
        "nowość|kasa|peron|wyjście ewakuacyjne|dworzec|lotnisko|winda|teren prywatny|uwaga zły pies|"
        "świeżo malowane|objazd|szkoła|cisza",
        "piekarnia|cukiernia|apteka|księgarnia|kwiaciarnia|fryzjer|sklep spożywczy|kawiarnia|lodziarnia|"
        "pralnia|jubiler|zegarmistrz|obuwie|muzeum|poczta|pierogarnia|mięso i wędliny",
        "Wiśniewski|Wójcik|Zieliński|Dąbrowska|Szymański|Złoty Róg|Jaśmin|Pod Lipą",
        "ulica Długa|plac Wolności|aleja Róż|ul. Kościelna|ul. Święta|Rynek Główny|ul. Łąkowa|ul. Młyńska",
        "chleb żytni|masło|jabłka|śmietana|żurek|pierogi ruskie|sok z buraków|miód lipowy|kiełbasa|twaróg|"
        "herbata|szarlotka|woda źródlana|ogórki|grzyby",
        "proszę zamykać drzwi|zaraz wracam|dziękujemy za zakupy|obiady domowe codziennie|"
        "nie deptać trawników",
        "pn-pt|sob|niedz|wt|śr|czw",
    ),
    _language(
        "cs",
        "latin",
        "{} Kč,",
        "otevřeno|zavřeno|východ|vchod|tam|sem|pozor|zákaz kouření|k pronájmu|výprodej|novinka|pokladna|"
        "nástupiště|nouzový východ|nádraží|výtah|soukromý pozemek|pozor pes|čerstvě natřeno|objížďka|"
        "škola|přednost zprava",
        "pekárna|cukrárna|lékárna|knihkupectví|květiny|kadeřnictví|potraviny|kavárna|řeznictví|pivnice|"
        "hodinář|obuv|klenotnictví|divadlo|muzeum|pošta|železářství",
        "Novák|Dvořák|Černý|Procházka|Růžička|U Lípy|Na Růžku|Zlatý Lev",
        "Dlouhá třída|náměstí Míru|Nádražní|Školní|Květinová|U Mlýna|Široká ulice|Husova",
        "chléb|máslo|mléko|jablečný závin|knedlíky|svíčková|točené pivo|med|sýr|rohlíky|žampiony|štrúdl|"
        "káva|čaj",
        "zavírejte prosím dveře|přijdu hned|děkujeme za návštěvu|denně čerstvé pečivo|"
        "vstup na vlastní nebezpečí",
        "po-pá|so|ne|út|st|čt",
    ),
    _language(
        "tr",
        "latin",
        "{} TL,",
        "açık|kapalı|çıkış|giriş|itiniz|çekiniz|dur|dikkat|sigara içilmez|kiralık|satılık|indirim|yeni|"
        "kasa|danışma|acil çıkış|otogar|havaalanı|asansör|park yapılmaz|girilmez|durak|okul|müze",
        "fırın|eczane|kitabevi|çiçekçi|berber|bakkal|kahvehane|pastane|lokanta|kasap|kuyumcu|saatçi|manav|"
        "terzi|postane",
        "Yılmaz|Şahin|Öztürk|Güneş|Çelik|Aydın|Boğaziçi|Gülhane|Kardeşler",
        "Atatürk Caddesi|Çarşı Sokak|İstasyon Caddesi|Gül Sokağı|Cumhuriyet Meydanı|Çınar Yolu",
        "simit|ayran|çay|Türk kahvesi|baklava|lahmacun|mercimek çorbası|zeytin|peynir|bal|süt|üzüm suyu|"
        "şeker|döner",
        "lütfen kapıyı kapatınız|bizi tercih ettiğiniz için teşekkürler|her gün taze balık|"
        "çimlere basmayınız",
        "Pzt-Cum|Cmt|Paz|Sal|Çar",
    ),
    _language(
        "sv",
        "latin",
        "{} kr",
        "öppet|stängt|utgång|ingång|tryck|drag|stopp|rökning förbjuden|uthyres|rea|nyhet|kassa|spår|"
        "nödutgång|station|hiss|varning för hunden|nymålat|skola|tyst|enskild väg|mössor",
        "bageri|konditori|apotek|bokhandel|blommor|frisör|livs|kafé|järnhandel|kemtvätt|guldsmed|"
        "skomakare|bio|bibliotek",
        "Åkesson|Lindström|Öberg|Sjögren|Björk|Norrsken|Söderhamn",
        "Storgatan|Kyrkogatan|Östra Hamngatan|Björkvägen|Torget|Ängsstigen",
        "kanelbulle|smörgås|kaffe|lättöl|äppelpaj|köttbullar|lingonsylt|knäckebröd|mjölk|räkor|ost|blåbär",
        "vänligen stäng dörren|strax tillbaka|tack för besöket|dagens lunch med sallad",
        "mån-fre|lör|sön|tis|ons|tors",
    ),
    _language(
        "vi",
        "latin",
        "{}.000 đ",
        "mở cửa|đóng cửa|lối ra|lối vào|đẩy|kéo|dừng lại|cấm hút thuốc|cho thuê|giảm giá|mới|nhà ga|"
        "sân bay|thang máy|nguy hiểm|bãi đỗ xe|cấm vào|trường học|bến xe",
        "tiệm bánh|nhà thuốc|hiệu sách|cửa hàng hoa|quán ăn|cà phê|cắt tóc|tạp hóa|bưu điện|bảo tàng|giặt ủi",
        "Nguyễn|Phạm|Hoàng|Hương Sen|Thủy Tiên|Bình Minh",
        "đường Lê Lợi|phố Hàng Bạc|đường Trần Phú|ngõ Chợ|phố Huế",
        "phở bò|bánh mì|bún chả|trà đá|nước mía|cơm tấm|chè ba màu|cà phê sữa|nem rán|gỏi cuốn",
        "xin vui lòng đóng cửa|cảm ơn quý khách|bán hàng mỗi ngày|giữ vệ sinh chung",
        "T2-T6|T7|CN",
    ),
    _language(
        "ru",
        "cyrillic",
        "{} ₽",
        "открыто|закрыто|выход|вход|от себя|на себя|стоп|осторожно|не курить|сдаётся|распродажа|новинка|"
        "касса|платформа|запасный выход|вокзал|аэропорт|лифт|посторонним вход воспрещён|злая собака|"
        "окрашено|объезд|школа|тихо|такси|справочная|переход|метро|парковка|скидки",
        "хлеб|булочная|аптека|книги|цветы|парикмахерская|продукты|кафе|кофейня|столовая|ремонт обуви|часы|"
        "ювелир|почта|музей|кинотеатр|пекарня|гастроном|рыба|мясо|оптика|ателье",
        "Иванов|Соколова|Северный|Рассвет|Берёзка|Юность|Волга|Уют|Заря",
        "улица Мира|проспект Победы|площадь Ленина|Садовая улица|Лесной переулок|набережная реки|"
        "Вокзальная ул.",
        "молоко|сметана|чёрный чай|пирожки|борщ|блины|гречка|варенье|сок яблочный|квас|масло|сыр|вода|"
        "пельмени|мёд",
        "закрывайте дверь|спасибо за покупку|приём товара до обеда|свежая выпечка каждый день|"
        "по газонам не ходить",
        "пн-пт|сб|вс|вт|ср|чт",
    ),
    _language(
        "uk",
        "cyrillic",
        "{} грн",
        "відчинено|зачинено|вихід|вхід|обережно|не палити|здається|знижки|новинка|каса|вокзал|ліфт|школа|"
        "тиша|об'їзд|зупинка|перехід|злий собака",
        "хліб|аптека|книгарня|квіти|перукарня|кав'ярня|їдальня|пошта|музей|продукти|взуття|пекарня|годинники",
        "Шевченко|Коваленко|Зоря|Калина|Дніпро|Затишок",
        "вулиця Лесі Українки|площа Ринок|Садова вулиця|проспект Свободи|Соборна вул.",
        "молоко|сир|вареники|борщ|сало|узвар|мед|сік|пиріжки|чай|кава|м'ясо|яблука",
        "зачиняйте двері|дякуємо за покупку|свіжа випічка щодня|скоро повернусь",
        "пн-пт|сб|нд|вт|чт",
    ),
    _language(
        "el",
        "greek",
        "{} €,",
        "ανοιχτό|κλειστό|έξοδος|είσοδος|ωθήσατε|έλξατε|στάση|προσοχή|απαγορεύεται το κάπνισμα|"
        "ενοικιάζεται|πωλείται|εκπτώσεις|νέο|ταμείο|σταθμός|αεροδρόμιο|ασανσέρ|κίνδυνος|σχολείο|παραλία|"
        "έξοδος κινδύνου",
        "φούρνος|φαρμακείο|βιβλιοπωλείο|ανθοπωλείο|κουρείο|καφενείο|ταβέρνα|ζαχαροπλαστείο|κρεοπωλείο|"
        "περίπτερο|ταχυδρομείο|μουσείο|οπτικά|κοσμήματα|ψαροταβέρνα",
        "Παπαδόπουλος|Νικολάου|Αθηνά|Ακρόπολη|Ήλιος|Γαλήνη|Ωραία Ελένη",
        "οδός Ερμού|πλατεία Συντάγματος|λεωφόρος Αθηνών|οδός Σωκράτους|Παραλιακή οδός",
        "ψωμί|φέτα|ελιές|γιαούρτι|μέλι|καφές|τσάι|χυμός|σουβλάκι|μουσακάς|κρασί|νερό|λάδι|παγωτό",
        "παρακαλώ κλείνετε την πόρτα|ευχαριστούμε για την επίσκεψη|φρέσκο ψάρι κάθε μέρα|επιστρέφω αμέσως",
        "Δευ-Παρ|Σάβ|Κυρ|Τρί|Τετ",
    ),
    _language(
        "zh",
        "chinese",
        "¥{}",
        "营业中|已打烊|出口|入口|推|拉|停|小心地滑|禁止吸烟|出租|打折|新品上市|收银台|站台|安全出口|"
        "火车站|机场|电梯|危险|请勿入内|学校|停车场|洗手间|问讯处|欢迎光临|禁止停车|注意安全|请勿拍照|"
        "高压危险|消防通道",
        "面包店|药店|书店|花店|理发店|超市|咖啡馆|茶馆|饭店|水果店|眼镜店|珠宝|邮局|博物馆|银行|洗衣店|"
        "五金店|包子铺|牛肉面|火锅|烤鸭|饺子馆|奶茶",
        "王记|李氏|东方|和平|长江|福满楼|春天|金龙|小南国|百姓",
        "人民路|中山路|解放大道|南京西路|长安街|文化广场|公园前街|花园巷",
        "牛奶|绿茶|豆浆|油条|米饭|红烧肉|酸辣汤|苹果汁|酱油|蜂蜜|矿泉水|面条|饼干|豆腐|月饼|咖啡",
        "请随手关门|谢谢惠顾|今日特价 全场八折|节约用水 人人有责|外卖请扫码|保持安静 请勿喧哗|"
        "老人与儿童 免费入场",
        "周一至周五|周六|周日|每日",
    ),
    _language(
        "ja",
        "japanese",
        "{}円",
        "営業中|準備中|出口|入口|押す|引く|止まれ|注意|禁煙|貸物件|セール|新発売|会計|のりば|非常口|駅|"
        "空港|エレベーター|危険|立入禁止|学校|駐車場|お手洗い|案内所|いらっしゃいませ|駐車禁止|足元注意|"
        "本日休業|満車|空室あり",
        "パン屋|薬局|本屋|花屋|美容室|スーパー|喫茶店|居酒屋|食堂|八百屋|めがね|宝石|郵便局|美術館|銀行|"
        "クリーニング|ラーメン|寿司|焼鳥|そば|うどん|カフェ|酒場|和菓子",
        "田中|鈴木|さくら|ひまわり|富士|東京|まるや|みどり|大阪屋|こまち",
        "中央通り|駅前通り|桜町|本町一丁目|銀座|川端通|北大路|緑が丘",
        "牛乳|緑茶|おにぎり|味噌汁|カレーライス|とんかつ|天ぷら|生ビール|りんご|しょうゆ|はちみつ|アイス|"
        "弁当|餃子|コーヒー",
        "ドアを閉めてください|ご自由にお取りください|本日のおすすめ|ありがとうございました|"
        "写真撮影は ご遠慮ください|年中無休 二十四時間営業|冷やし中華 はじめました",
        "月~金|土|日|祝日|平日",
    ),
    _language(
        "ko",
        "korean",
        "{}00원",
        "영업중|닫힘|출구|입구|미세요|당기세요|정지|주의|금연|임대|할인|신제품|계산대|승강장|비상구|"
        "기차역|공항|엘리베이터|위험|출입 금지|학교|주차장|화장실|안내소|어서 오세요|주차 금지|"
        "미끄럼 주의|만차",
        "빵집|약국|서점|꽃집|미용실|마트|커피숍|식당|분식|과일 가게|안경점|우체국|박물관|은행|세탁소|치킨|"
        "고기집|노래방|문구",
        "김가네|서울|한강|무지개|하늘|진미|소나무|별빛",
        "중앙로|시청 앞길|강남대로|꽃길|역전 광장|한빛로",
        "우유|녹차|김밥|떡볶이|비빔밥|냉면|된장찌개|사과 주스|꿀|생수|라면|만두|두부|순대|커피",
        "문을 닫아 주세요|이용해 주셔서 감사합니다|오늘의 특가 상품|매일 아침 신선하게|"
        "쓰레기를 버리지 마세요",
        "월-금|토|일|평일|주말",
    ),
    _language(
        "ar",
        "arabic",
        "{} ريال",
        "مفتوح|مغلق|مخرج|مدخل|ادفع|اسحب|قف|تنبيه|ممنوع التدخين|للإيجار|للبيع|تخفيضات|جديد|صندوق الدفع|"
        "محطة|مطار|مصعد|خطر|ممنوع الدخول|مدرسة|موقف سيارات|استعلامات|أهلا وسهلا|ممنوع الوقوف|مخرج طوارئ|"
        "مسجد|مستشفى|شرطة",
        "مخبز|صيدلية|مكتبة|زهور|حلاق|بقالة|مقهى|مطعم|حلويات|جزار|مجوهرات|نظارات|بريد|متحف|بنك|مغسلة|خياط|"
        "عطور",
        "النور|الأمل|السلام|القدس|دمشق|بغداد|الياسمين|أبو علي|الشرق|النخيل",
        "شارع الملك فيصل|شارع الجامعة|ميدان التحرير|طريق المطار|شارع النيل|حي الزهور",
        "خبز|حليب|شاي بالنعناع|قهوة عربية|تمر|عسل|زيتون|جبن|عصير برتقال|فلافل|حمص|شاورما|ماء|أرز|كباب|كنافة",
        "الرجاء إغلاق الباب|شكرا لزيارتكم|سمك طازج كل يوم|مفتوح طوال الأسبوع|ممنوع رمي النفايات",
        "السبت|الأحد|الاثنين|الجمعة|الخميس",
    ),
    _language(
        "he",
        "hebrew",
        "₪{}",
        "פתוח|סגור|יציאה|כניסה|דחוף|משוך|עצור|זהירות|אסור לעשן|להשכרה|למכירה|מבצע|חדש|קופה|רציף|תחנה|"
        "מעלית|סכנה|אין כניסה|בית ספר|חניה|מודיעין|ברוכים הבאים|אין חניה|יציאת חירום|משטרה|שקט",
        "מאפייה|בית מרקחת|ספרים|פרחים|מספרה|מכולת|בית קפה|מסעדה|גלידה|קצביה|תכשיטים|אופטיקה|דואר|מוזיאון|"
        "בנק|מכבסה",
        "כהן|לוי|הגליל|ירושלים|שלום|הזית|כרמל|אביב",
        "רחוב הרצל|שדרות רוטשילד|רחוב הנביאים|כיכר המדינה|דרך הים|רחוב יפו",
        "לחם|חלב|קפה|תה|פלאפל|חומוס|גבינה|זיתים|מיץ תפוזים|דבש|מים|יין|סלט|פיתה|תפוחים",
        "נא לסגור את הדלת|תודה על הביקור|דגים טריים כל יום|תכף אשוב|אין לדרוך על הדשא",
        "א-ה|ו|שבת|יום ב|יום ד",
    ),
    _language(
        "hi",
        "devanagari",
        "₹{}",
        "खुला|बंद|निकास|प्रवेश|रुकिए|सावधान|धूम्रपान निषेध|किराये के लिए|छूट|नया|टिकट घर|स्टेशन|"
        "हवाई अड्डा|खतरा|प्रवेश वर्जित|विद्यालय|पार्किंग|शौचालय|पूछताछ|स्वागत है|धीरे चलें|"
        "आपातकालीन द्वार|प्लेटफ़ॉर्म|पुलिस|अस्पताल",
        "दवाखाना|पुस्तक भंडार|मिठाई|चाय|भोजनालय|किराना|ज्वेलर्स|डाकघर|संग्रहालय|बैंक|वस्त्रालय|चश्मे|ढाबा|जूते|नाई",
        "शर्मा|गुप्ता|भारत|गंगा|लक्ष्मी|कृष्णा|श्री राम|दिल्ली",
        "महात्मा गांधी मार्ग|स्टेशन रोड|राजपथ|नेहरू चौक|मुख्य बाज़ार|विद्या नगर",
        "दूध|चावल|दही|समोसा|पराठा|आम का रस|शहद|मसाला|पानी|लस्सी|जलेबी|आटा|घी|पनीर|नमक",
        "कृपया दरवाज़ा बंद करें|धन्यवाद फिर पधारें|आज नकद कल उधार|यहाँ गाड़ी खड़ी न करें|स्वच्छता बनाए रखें",
        "सोम-शुक्र|शनि|रवि|मंगल|बुध",
    ),
    _language(
        "th",
        "thai",
        "{} บาท",
        "เปิด|ปิด|ทางออก|ทางเข้า|ผลัก|ดึง|หยุด|ระวัง|ห้ามสูบบุหรี่|ให้เช่า|ขาย|ลดราคา|ใหม่|สถานีรถไฟ|"
        "สนามบิน|ลิฟต์|อันตราย|ห้ามเข้า|โรงเรียน|ที่จอดรถ|ห้องน้ำ|ประชาสัมพันธ์|ยินดีต้อนรับ|ห้ามจอด|"
        "ทางหนีไฟ|ตำรวจ|โรงพยาบาล",
        "ร้านขนมปัง|ร้านขายยา|ร้านหนังสือ|ดอกไม้|ตัดผม|กาแฟ|ร้านอาหาร|ก๋วยเตี๋ยว|ไปรษณีย์|พิพิธภัณฑ์|ธนาคาร|ซักรีด|นวดไทย",
        "สยาม|กรุงเทพ|เชียงใหม่|ทองดี|สุขใจ|บ้านสวน",
        "ถนนสุขุมวิท|ถนนเจริญกรุง|ซอยอารีย์|ถนนพระราม|ตลาดใหม่",
        "นม|ชาเย็น|ข้าวผัด|ส้มตำ|ต้มยำกุ้ง|น้ำเปล่า|มะม่วง|ข้าวเหนียว|ผัดไทย|น้ำผึ้ง|ไก่ย่าง|ขนม|ไข่",
        "กรุณาปิดประตู|ขอบคุณที่มาอุดหนุน|เปิดบริการทุกวัน|ห้ามทิ้งขยะ",
        "จันทร์-ศุกร์|เสาร์|อาทิตย์|ทุกวัน",
    ),
)

LANGUAGES: dict[str, Language] = {language.code: language for language in _LIST}
