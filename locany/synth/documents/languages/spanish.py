"""Spanish."""

from __future__ import annotations

from locany.synth.documents.languages.lexicon import Lexicon, listed, paired

LEXICON = Lexicon(
    code="es",
    script="latin",
    patterns=(
        "{s} {v} {o} {t}.",
        "{s} {v} {o}.",
        "{s} {v} {o}, y {s} {v} {o}.",
        "{s} {v} {o} porque {s} {v} {o}.",
        "{s} {v} {o} {t}, aunque {s} {v} {o}.",
    ),
    subjects=listed("""
el comité; la medición; el método; el nuevo contrato; el taller; este aparato; el informe anual
la región; el modelo; el cliente; la oficina técnica; el museo; el río; la carretera; el edificio
el proveedor; la biblioteca; la orquesta; el vecino; la muestra; el resultado; el municipio
esta empresa; el jardín; la pequeña fábrica; la red local; el segundo estudio; la administración
el proyecto común; cada alumno; nuestro sistema; la máquina eléctrica
"""),
    verbs=listed("""
describe; apoya; sustituye; mejora; limita; explica; alcanza; modifica; protege; controla; presenta
compara; confirma; completa; recibe; exige; supera; prepara; separa; reduce; evalúa; sigue; contiene
define
"""),
    objects=listed("""
el comité; una medición; el método; un nuevo contrato; el taller; un aparato fiable; el informe
la región; un modelo sencillo; la oficina; el museo; el río; una carretera ancha; el edificio
el calendario; el archivo; una biblioteca; el reglamento; otro resultado; el municipio
el presupuesto anual; una pieza exterior; la muestra; el primer paso; una red pública
el material eléctrico; una pequeña diferencia; la calidad del agua; la señal óptica
"""),
    tails=listed("""
en el primer trimestre; durante el verano; al final del año; desde hace varias semanas
en la mayoría de los casos; como estaba previsto; sin demora; a ambos lados; después de la reunión
antes del plazo; a temperatura ambiente; por primera vez; entre las dos ciudades; con mucho cuidado
en un solo paso; cada semana; según el plan
"""),
    openers=listed(
        "Además,; Sin embargo,; En general,; Por ejemplo,; Por último,; En este caso,; En resumen,;"
        " Por tanto,"
    ),
    titles=listed(
        "{a} y {b}; {a}: una guía; {a}, {b} y {c}; Notas sobre {a}; De {a} a {b}; Introducción: {a}"
    ),
    terms=listed("""
energía solar; calidad del agua; transporte público; análisis de datos; transferencia de calor
planificación urbana; atención al cliente; evaluación de riesgos; cadenas de suministro
seguridad alimentaria; crecimiento del mercado; control de calidad; costes del proyecto
humedad del suelo; seguridad de la red; formación; velocidad del viento; gastos de viaje
ensayo de materiales; material de oficina; mantenimiento; ingresos netos; tipos de cambio; ruido
"""),
    headings=listed("""
Introducción; Antecedentes; Métodos; Materiales; Resultados; Discusión; Conclusiones; Datos
Experimentos; Resumen; Definiciones; Requisitos; Evaluación; Limitaciones; Perspectivas; Seguridad
Mantenimiento; Objetivos; Generalidades
"""),
    labels=paired("""
abstract: Resumen; keywords: Palabras clave; figure: Figura; table: Tabla; references: Referencias
by: Por; invoice: Factura; number: N.º; date: Fecha; due: Vencimiento; bill_to: Facturar a
ship_to: Enviar a; description: Descripción; quantity: Cant.; price: Precio unitario
amount: Importe; subtotal: Subtotal; tax: IVA; total: Total; thanks: Gracias por su confianza.
bank: Banco; account: Cuenta; terms: Pago a 30 días.; dear: Buenos días; regards: Atentamente,
subject: Asunto; form: Solicitud; signature: Firma; place: Lugar
please: Rellene en letras mayúsculas.; office: Uso interno; receipt: Recibo; cash: Efectivo
change: Cambio; card: Tarjeta; statement: Extracto de cuenta; balance: Saldo; opening: Saldo inicial
closing: Saldo final; debit: Cargo; credit: Abono; chapter: Capítulo; warning: Atención; note: Nota
skills: Aptitudes; experience: Experiencia; education: Formación; profile: Perfil; menu: Carta
starters: Entrantes; mains: Platos; desserts: Postres; drinks: Bebidas; features: Características
parameter: Parámetro; minimum: Mín; typical: Típ; maximum: Máx; unit: Unidad; report: Informe
manual: Manual de uso; confidential: Confidencial; volume: Tomo; admission: Entrada libre
today: Hoy
"""),
    items=listed("""
Lámpara de mesa; Cuaderno A5; Papel; Silla; Cable USB; Bolígrafo azul; Filtro de agua; Café 1 kg
Manguera; Reloj; Pincel; Bombilla; Jabón; Zumo de naranja; Pan integral; Leche entera; Manzanas
Queso; Arroz 2 kg; Entrega; Instalación; Licencia anual; Asesoría; Reparación; Curso
"""),
    dishes=listed("""
Sopa de tomate; Ensalada verde; Pan con ajo; Croquetas; Salmón a la plancha; Pollo asado
Arroz con setas; Estofado; Tarta de limón; Flan; Helado de vainilla; Arroz con leche; Té helado
Vino tinto; Zumo de naranja; Agua con gas
"""),
    first_names=listed("Ana; José; María; Pedro; Lucía; Andrés; Inés; Raúl; Sofía; Tomás; Begoña; Martín"),
    last_names=listed(
        "Núñez; Romero; Vidal; Ibáñez; Castro; Molina; Peña; Serrano; Campos; Vega; Márquez; Rubio"
    ),
    streets=listed(
        "Calle Mayor; Avenida del Parque; Calle del Molino; Plaza Nueva; Paseo del Río; Camino Real"
    ),
    cities=listed("""
Villanueva; Aldea Alta; Puente Viejo; Montellano; Rioseco; Valdeluz; Peñalba; San Marcos
"""),
    firms=listed("{n} e Hijos; {n} Consultores; Talleres {n}; {n} Distribución; Editorial {n}; Grupo {n}"),
    months=listed(
        "enero; febrero; marzo; abril; mayo; junio; julio; agosto; septiembre; octubre; noviembre; diciembre"
    ),
    fields=listed("""
Apellidos; Nombre; Fecha de nacimiento; Domicilio; Ciudad; País; Teléfono; Correo; Profesión
Empresa; Número de cuenta; Número de socio; Referencia; Observaciones
"""),
    decimal=",",
    thousands=".",
    money="{x} €",
    date=("{d} de {m} de {y}", "{p}/{n}/{y}"),
)
