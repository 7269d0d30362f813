"""The named people of the demo and the tests: one for each thing that can be special about a person.

Their numbers are invented: an SSN in the 900s is never issued, and EDIPIs in the 99… block are far above any real one. Ages are
counted back from a given day, so that the child of nine is nine whenever the file is made.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from idp.directory.matching import years_later
from idp.directory.records import (
    Affiliation,
    Branch,
    Category,
    ChangedBy,
    Eligibility,
    Email,
    EndReason,
    Gender,
    Postal,
    Record,
    Relation,
    Relationship,
    Status,
)

NOT_IN_DEERS = "900000163"
"""The SSN of nobody: who gives it is refused."""


@dataclass(frozen=True)
class Part:
    """Why somebody is in the cast."""

    key: str
    shows: str


DANA, ROBIN, KIT, LEE, JO = "cast-dana", "cast-robin", "cast-kit", "cast-lee", "cast-jo"
MAX, ADA, PAT, NOEL, SOL = "cast-max", "cast-ada", "cast-pat", "cast-noel", "cast-sol"
VAL, SAM, ALEX, VIC, CAM, GIL = "cast-val", "cast-sam", "cast-alex", "cast-vic", "cast-cam", "cast-gil"

PARTS = (
    Part(DANA, "sponsor on active duty, Army: everything goes well"),
    Part(ROBIN, "spouse with an own account; custodial parent of Kit and Lee"),
    Part(KIT, "child of nine: no account; a parent may see everything"),
    Part(LEE, "child of fifteen: no account; a parent sees less"),
    Part(JO, "student of twenty with an own account; eligible until 23"),
    Part(MAX, "retiree, Navy; a name that people write in many ways; no e-mail on file"),
    Part(ADA, "former spouse under the 20/20/20 rule, own sponsor"),
    Part(PAT, "divorced yesterday: eligibility has ended"),
    Part(SOL, "deceased in 2024: no account, and the same answer as for anybody else"),
    Part(VAL, "two EDIPIs for one SSN: an identity conflict is open"),
    Part(SAM, "sponsor, Air Force, and at once the spouse of Alex"),
    Part(VIC, "veteran who was never a beneficiary: known, without TRICARE"),
    Part(CAM, "surrogate for Gil, with no benefits of their own"),
    Part(ALEX, "there for Sam: spouse and sponsor in one"),
    Part(NOEL, "there for Pat: the sponsor whom Pat was married to"),
    Part(GIL, "there for Cam: a member who cannot act alone"),
)


def people(today: date) -> tuple[Record, ...]:
    """Everybody, as DEERS holds them on `today`; a sponsor always comes before those who depend on them."""
    return (*_example_family(today), *_alone(today), *_divorced(today), *_duals(), *_surrogate(today))


def _example_family(today: date) -> tuple[Record, ...]:
    home = _home("14 Juniper Loop", "Fort Invented", "NC", "00014", date(2019, 6, 3))
    married = date(2009, 5, 16)
    kit, lee, jo = _born(today, 9), _born(today, 15), _born(today, 20)
    family = "90000001"
    return (
        Record(
            person=DANA,
            edipi="9900000015",
            ssn="900000015",
            dbn=f"{family}500",
            given_name="Dana",
            middle_name="Q",
            family_name="Example",
            birth_date=date(1984, 2, 10),
            gender=Gender.FEMALE,
            emails=_mail("dana.example@example.com", date(2018, 3, 1)),
            postal=(home,),
            affiliations=(Affiliation(category=Category.ACTIVE_DUTY, branch=Branch.ARMY, begin=date(2004, 8, 2)),),
            eligibility=(_tricare("Prime", date(2004, 8, 2)),),
        ),
        Record(
            person=ROBIN,
            edipi="9900000023",
            ssn="900000023",
            dbn=f"{family}501",
            given_name="Robin",
            family_name="Example",
            former_family_names=("Sampleton",),
            birth_date=date(1986, 7, 1),
            gender=Gender.MALE,
            emails=_mail("robin.example@example.net", date(2020, 1, 9)),
            postal=(home,),
            relations=(Relation(sponsor=DANA, relationship=Relationship.SPOUSE, begin=married, custody=True),),
            affiliations=(Affiliation(category=Category.BENEFICIARY, branch=Branch.ARMY, begin=married),),
            eligibility=(_tricare("Prime", married),),
        ),
        _child(KIT, DANA, "031", "Kit", kit, f"{family}502", home, until=years_later(kit, 21)),
        _child(LEE, DANA, "040", "Lee", lee, f"{family}503", home, until=years_later(lee, 21)),
        _child(
            JO,
            DANA,
            "058",
            "Jo",
            jo,
            f"{family}504",
            home,
            until=years_later(jo, 23),
            email="jo.example@students.example.org",
        ),
    )


def _alone(today: date) -> tuple[Record, ...]:
    return (
        Record(
            person=MAX,
            edipi="9900000066",
            ssn="900000066",
            dbn="90000006600",
            given_name="Max",
            family_name="O'Neil-Garcia",
            suffix="Jr",
            birth_date=date(1950, 1, 31),
            gender=Gender.MALE,
            postal=(_home("7 Anchor Court", "Port Sample", "VA", "00066", date(2011, 4, 20)),),
            affiliations=(
                Affiliation(
                    category=Category.ACTIVE_DUTY,
                    branch=Branch.NAVY,
                    begin=date(1970, 6, 1),
                    end=date(1994, 7, 1),
                    end_reason=EndReason.COMPLETED,
                ),
                Affiliation(category=Category.RETIRED, branch=Branch.NAVY, begin=date(1994, 7, 1)),
            ),
            eligibility=(_tricare("For Life", date(2015, 1, 31)),),
        ),
        Record(
            person=ADA,
            edipi="9900000074",
            ssn="900000074",
            dbn="90000007400",
            given_name="Ada",
            family_name="Former",
            birth_date=date(1958, 9, 12),
            gender=Gender.FEMALE,
            emails=_mail("ada.former@example.org", date(2017, 2, 2)),
            postal=(_home("220 Plum Row", "Exampleton", "TX", "00074", date(2012, 3, 15)),),
            affiliations=(
                Affiliation(
                    category=Category.BENEFICIARY, branch=Branch.ARMY, begin=date(2010, 11, 4), source_code="20/20/20"
                ),
            ),
            eligibility=(_tricare("Select", date(2010, 11, 4)),),
        ),
        Record(
            person=SOL,
            edipi="9900000090",
            ssn="900000090",
            dbn="90000009000",
            given_name="Sol",
            family_name="Late",
            birth_date=date(1946, 12, 8),
            gender=Gender.MALE,
            deceased_on=date(2024, 3, 5),
            emails=_mail("sol.late@example.com", date(2014, 10, 1)),
            postal=(_home("3 Elm Rest", "Quietfield", "OH", "00090", date(2001, 1, 5)),),
            affiliations=(
                Affiliation(
                    category=Category.RETIRED,
                    branch=Branch.ARMY,
                    begin=date(1988, 9, 1),
                    end=date(2024, 3, 5),
                    end_reason=EndReason.DEATH,
                ),
            ),
            eligibility=(_tricare("For Life", date(2011, 12, 8), end=date(2024, 3, 5)),),
        ),
        Record(
            person=VAL,
            edipi="9900000104",
            other_edipis=("9900000112",),
            ssn="900000104",
            dbn="90000010400",
            given_name="Val",
            family_name="Double",
            birth_date=date(1975, 5, 23),
            gender=Gender.FEMALE,
            conflict_since=today - timedelta(days=40),
            emails=_mail("val.double@example.net", date(2016, 6, 6)),
            postal=(_home("52 Mirror Lane", "Twinbrook", "GA", "00104", date(2016, 6, 6)),),
            affiliations=(
                Affiliation(category=Category.RESERVE, branch=Branch.ARMY, begin=date(1996, 1, 15)),
                Affiliation(category=Category.BENEFICIARY, branch=Branch.NAVY, begin=date(2003, 6, 21)),
            ),
            eligibility=(_tricare("Reserve Select", date(2008, 10, 1)),),
        ),
        Record(
            person=VIC,
            edipi="9900000147",
            ssn="900000147",
            given_name="Vic",
            family_name="Veteran",
            birth_date=date(1948, 11, 11),
            gender=Gender.MALE,
            emails=_mail("vic.veteran@example.com", date(2013, 8, 19)),
            postal=(_home("88 Ridge Road", "Old Sample", "MT", "00147", date(2005, 9, 9)),),
            affiliations=(
                Affiliation(
                    category=Category.ACTIVE_DUTY,
                    branch=Branch.MARINES,
                    begin=date(1967, 3, 1),
                    end=date(1971, 2, 28),
                    end_reason=EndReason.SEPARATION,
                    source_code="character A",
                ),
            ),
        ),
    )


def _divorced(today: date) -> tuple[Record, ...]:
    yesterday = today - timedelta(days=1)
    married = date(2006, 9, 30)
    return (
        Record(
            person=NOEL,
            edipi="9900000198",
            ssn="900000198",
            dbn="90000019800",
            given_name="Noel",
            family_name="Former",
            birth_date=date(1977, 3, 3),
            gender=Gender.FEMALE,
            emails=_mail("noel.former@example.com", date(2015, 7, 7)),
            postal=(_home("9 Harbor View", "Port Sample", "VA", "00198", date(2021, 2, 1)),),
            affiliations=(Affiliation(category=Category.ACTIVE_DUTY, branch=Branch.NAVY, begin=date(1999, 7, 12)),),
            eligibility=(_tricare("Prime", date(1999, 7, 12)),),
        ),
        Record(
            person=PAT,
            edipi="9900000082",
            ssn="900000082",
            dbn="90000019801",
            given_name="Pat",
            family_name="Former",
            birth_date=date(1979, 10, 27),
            gender=Gender.MALE,
            emails=_mail("pat.former@example.net", date(2019, 9, 1)),
            postal=(_home("41 Parting Way", "Port Sample", "VA", "00082", today - timedelta(days=75)),),
            relations=(
                Relation(sponsor=NOEL, relationship=Relationship.SPOUSE, begin=married, end=yesterday, custody=True),
                Relation(sponsor=NOEL, relationship=Relationship.FORMER_SPOUSE, begin=yesterday),
            ),
            affiliations=(
                Affiliation(category=Category.BENEFICIARY, branch=Branch.NAVY, begin=married, end=yesterday),
            ),
            eligibility=(_tricare("Prime", married, end=yesterday),),
        ),
    )


def _duals() -> tuple[Record, ...]:
    home = _home("600 Runway Drive", "Windfield", "NM", "00120", date(2020, 8, 8))
    married = date(2012, 6, 9)
    both = []
    for key, other, number, given, born, gender, begin in (
        (ALEX, SAM, "139", "Alex", date(1981, 4, 18), Gender.FEMALE, date(2003, 5, 28)),
        (SAM, ALEX, "120", "Sam", date(1980, 8, 5), Gender.MALE, date(2002, 6, 1)),
    ):
        both.append(
            Record(
                person=key,
                edipi=f"9900000{number}",
                ssn=f"900000{number}",
                dbn=f"900000{number}00",
                given_name=given,
                family_name="Dual",
                birth_date=born,
                gender=gender,
                emails=(Email(address=f"{given.lower()}.dual@example.org", since=date(2018, 5, 5)),),
                postal=(home,),
                relations=(Relation(sponsor=other, relationship=Relationship.SPOUSE, begin=married),),
                affiliations=(
                    Affiliation(category=Category.ACTIVE_DUTY, branch=Branch.AIR_FORCE, begin=begin),
                    Affiliation(category=Category.BENEFICIARY, branch=Branch.AIR_FORCE, begin=married),
                ),
                eligibility=(_tricare("Prime", begin),),
            )
        )
    return tuple(both)


def _surrogate(today: date) -> tuple[Record, ...]:
    appointed = today - timedelta(days=200)
    return (
        Record(
            person=GIL,
            edipi="9900000171",
            ssn="900000171",
            dbn="90000017100",
            given_name="Gil",
            family_name="Member",
            birth_date=date(1996, 6, 14),
            gender=Gender.MALE,
            emails=(
                Email(address="gil.member@example.com", since=today - timedelta(days=190), changed_by=ChangedBy.OFFICE),
            ),
            postal=(_home("1 Recovery Walk", "Fort Invented", "NC", "00171", date(2023, 1, 3)),),
            affiliations=(Affiliation(category=Category.ACTIVE_DUTY, branch=Branch.ARMY, begin=date(2015, 9, 1)),),
            eligibility=(_tricare("Prime", date(2015, 9, 1)),),
        ),
        Record(
            person=CAM,
            edipi="9900000155",
            ssn="900000155",
            given_name="Cam",
            family_name="Surrogate",
            birth_date=date(1970, 2, 22),
            gender=Gender.OTHER,
            emails=_mail("cam.surrogate@example.net", appointed),
            postal=(_home("17 Helper Street", "Exampleton", "TX", "00155", appointed),),
            relations=(Relation(sponsor=GIL, relationship=Relationship.SURROGATE, begin=appointed),),
        ),
    )


def _child(
    key: str,
    sponsor: str,
    number: str,
    given: str,
    born: date,
    dbn: str,
    home: Postal,
    *,
    until: date,
    email: str | None = None,
) -> Record:
    return Record(
        person=key,
        edipi=f"9900000{number}",
        ssn=f"900000{number}",
        dbn=dbn,
        given_name=given,
        family_name="Example",
        birth_date=born,
        emails=(Email(address=email, since=years_later(born, 18)),) if email else (),
        postal=(home,),
        relations=(
            Relation(
                sponsor=sponsor,
                relationship=Relationship.CHILD,
                begin=born,
                end=until,
                source_code="student" if until > years_later(born, 21) else None,
            ),
        ),
        affiliations=(Affiliation(category=Category.BENEFICIARY, branch=Branch.ARMY, begin=born, end=until),),
        eligibility=(Eligibility(program="TRICARE", plan="Prime", status=Status.ACTIVE, begin=born, end=until),),
    )


def _home(street: str, locality: str, region: str, postal_code: str, since: date) -> Postal:
    return Postal(street_address=street, locality=locality, region=region, postal_code=postal_code, since=since)


def _mail(address: str, since: date) -> tuple[Email, ...]:
    return (Email(address=address, since=since),)


def _tricare(plan: str, begin: date, *, end: date | None = None) -> Eligibility:
    status = Status.ACTIVE if end is None else Status.ENDED
    return Eligibility(program="TRICARE", plan=plan, status=status, begin=begin, end=end)


def _born(today: date, years: int) -> date:
    """A birth date that makes somebody `years` old on `today`, and keeps them so for eleven months."""
    return years_later(today, -years) - timedelta(days=30)
