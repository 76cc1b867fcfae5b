"""English."""

from __future__ import annotations

from locany.synth.documents.languages.lexicon import Lexicon, listed, paired

_NOUNS = listed("""
analysis; agreement; method; model; system; report; survey; sensor; network; committee; department
laboratory; project; proposal; region; process; structure; sample; surface; algorithm; framework
procedure; budget; market; customer; supplier; contract; council; museum; library; engine; valve
battery; circuit; filter; interface; signal; account; policy; schedule; journal; archive; garden
harbour; bridge; station; factory; workshop; catalogue; device; instrument; experiment; hypothesis
estimate; measurement; distribution; parameter; function; material; component; observer; editor
manager; engineer; teacher; patient; visitor; neighbour; assembly; exhibition; festival; orchestra
river; valley; forest; climate; season; harvest; village; railway; road; building; roof; window
kitchen; chapter
""")
_ADJECTIVES = listed("""
new; local; final; annual; early; careful; reliable; modern; small; large; second; regional; public
private; simple; common; linear; digital; thermal; adaptive; robust; sparse; compact; recent
initial; careful; open; quiet; bright; narrow; broad; central; northern; southern; economic
technical; practical; internal; external; average; electric; mechanical; optical; natural; original
current; previous; standard; joint; independent; useful; gentle
""")


def _phrases(articles: tuple[str, ...], step: int) -> tuple[str, ...]:
    """Noun phrases with and without an adjective; `step` walks the adjectives so that lists differ."""
    found = []
    for i, noun in enumerate(_NOUNS):
        adjective = _ADJECTIVES[(i * step) % len(_ADJECTIVES)]
        other = _ADJECTIVES[(i * step + 7) % len(_ADJECTIVES)]
        article = articles[i % len(articles)]
        found += [f"the {noun}", f"{article} {adjective} {noun}", f"{article} {other} {noun}"]
    return tuple(found)


def _with_article(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("an" + p[1:] if p.startswith("a ") and p[2] in "aeio" else p for p in phrases)


LEXICON = Lexicon(
    code="en",
    script="latin",
    patterns=(
        "{s} {v} {o} {t}.",
        "{s} {v} {o}.",
        "{s} {v} {o}, and {s} {v} {o}.",
        "{s} {v} {o} {t}, although {s} {v} {o}.",
        "{s} {v} {o} because {s} {v} {o}.",
        "when {s} {v} {o}, {s} {v} {o} {t}.",
    ),
    subjects=_with_article(_phrases(("the", "a", "this", "each", "our"), 3)),
    verbs=listed("""
describes; supports; requires; includes; replaces; improves; limits; follows; measures; explains
reaches; changes; covers; protects; connects; controls; delivers; compares; confirms; extends
reduces; receives; presents; defines; affects; contains; uses; provides; exceeds; estimates
completes; separates; combines; resembles; monitors; tests
"""),
    objects=_with_article(_phrases(("the", "a", "every", "its", "another"), 5)),
    tails=listed("""
in the first quarter; during the summer; at the end of the year; for several weeks; in most cases
as expected; with great care; without delay; under normal conditions; on both sides
after the meeting; before the deadline; at room temperature; in the same way; for the first time
by about ten percent; over the last decade; at low cost; between the two cities; within three days
in a single step; from the beginning; to a large degree; by hand; with high accuracy; in practice
on average; at the main entrance; along the coast; according to plan; every week
"""),
    openers=listed("""
In addition,; However,; As a result,; For example,; In general,; Moreover,; Therefore,; In contrast,
Finally,; At the same time,; In this case,; By comparison,; As before,; Since then,
On the other hand,; In short,
"""),
    titles=listed("""
{a} and {b}; The {a} of {b}; {a} for {b}; A New Look at {a}; {a}, {b} and {c}; Notes on {a}
From {a} to {b}; {a} under {b}; Measuring {a} in {b}; Towards Better {a}; {a}: A Guide to {b}
How {a} Changes {b}
"""),
    terms=listed("""
energy storage; water quality; public transport; data analysis; machine learning; heat transfer
city planning; product design; customer service; risk assessment; supply chains; image processing
food safety; market growth; language teaching; signal detection; solar power; quality control
remote sensing; project costs; air traffic; soil moisture; network security; staff training
traffic flow; wind speed; travel expenses; material testing; office supplies; building maintenance
net revenue; operating profit; labour costs; unit sales; exchange rates; digital archives
urban gardens; noise levels; battery life; online orders; health insurance; climate models
"""),
    headings=listed("""
Introduction; Background; Related Work; Methods; Materials; Results; Discussion; Conclusions; Data
Experiments; Overview; Scope; Definitions; Requirements; Evaluation; Limitations; Future Work
Summary; Analysis; Implementation; Safety; Maintenance; Market Review; Outlook; Financial Position
Objectives; Recommendations; General Terms
"""),
    labels=paired("""
abstract: Abstract; keywords: Keywords; figure: Figure; table: Table; references: References; by: By
invoice: Invoice; number: No.; date: Date; due: Due date; bill_to: Bill to; ship_to: Ship to
description: Description; quantity: Qty; price: Unit price; amount: Amount; subtotal: Subtotal
tax: Tax; total: Total; thanks: Thank you for your business.; bank: Bank; account: Account
terms: Payment within 30 days.; dear: Dear; regards: Kind regards,; subject: Subject
form: Application form; signature: Signature; place: Place
please: Please fill in using capital letters.; office: For office use; receipt: Receipt; cash: Cash
change: Change; card: Card payment; statement: Account statement; balance: Balance
opening: Opening balance; closing: Closing balance; debit: Debit; credit: Credit; chapter: Chapter
warning: Warning; note: Note; skills: Skills; experience: Experience; education: Education
profile: Profile; menu: Menu; starters: Starters; mains: Main courses; desserts: Desserts
drinks: Drinks; features: Features; parameter: Parameter; minimum: Min; typical: Typ; maximum: Max
unit: Unit; report: Report; manual: User manual; confidential: Confidential; volume: Volume
admission: Admission free; today: Today
"""),
    items=listed("""
Desk lamp; Notebook A5; Printer paper; Office chair; USB cable; Ball pen blue; Water filter
Coffee beans 1 kg; Garden hose; Tool box; Wall clock; Paint brush; Screw set; Light bulb LED
Hand soap; Kitchen towel; Orange juice; Brown bread; Whole milk; Cheddar cheese; Green apples
Tomatoes; Rice 2 kg; Dark chocolate; Sparkling water; Delivery service; Installation; Annual licence
Consulting hours; Repair work; Spare part set; Training course
"""),
    dishes=listed("""
Tomato soup; Green salad; Garlic bread; Onion rings; Cheese plate; Grilled salmon; Roast chicken
Mushroom risotto; Beef stew; Pumpkin ravioli; Lemon tart; Apple pie; Vanilla ice cream
Chocolate mousse; Fruit salad; Iced tea; House wine; Fresh orange juice; Sparkling water; Espresso
"""),
    first_names=listed("""
Anna; James; Maria; Peter; Laura; David; Emma; Robert; Nina; Thomas; Alice; Henry; Grace; Samuel
Julia; Oliver
"""),
    last_names=listed("""
Miller; Carter; Brooks; Hughes; Bennett; Foster; Morgan; Palmer; Reed; Turner; Walsh; Young; Abbott
Clarke; Dawson
"""),
    streets=listed(
        "Station Road; Mill Lane; Park Avenue; High Street; Church Walk; River Drive; Oak Street; "
        "Queen Square"
    ),
    cities=listed(
        "Brookfield; Easton; Marlow; Kingsbridge; Northgate; Fairview; Ashford; Lakewood; Stoneham; Westport"
    ),
    firms=listed(
        "{n} & Sons Ltd; {n} Logistics; {n} Instruments; {n} Trading Co.; {n} Partners; {n} Media Group"
    ),
    months=listed(
        "January; February; March; April; May; June; July; August; September; October; November; December"
    ),
    fields=listed("""
Last name; First name; Date of birth; Street; City; Country; Telephone; Email; Occupation; Employer
Account number; Member number; Reference; Remarks
"""),
    date=("{m} {d}, {y}", "{d} {m} {y}", "{n}/{p}/{y}", "{y}-{n}-{p}"),
)
