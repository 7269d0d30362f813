"""Names that invented people are given: many origins, and every kind of spelling that matching must live with."""

FEMALE = tuple(
    """
    Abena Adriana Aisha Alice Amalia Amara Anneliese Beatriz Bridget Camila Carmen Charlotte Chiara Daniela Deborah Eleni
    Elżbieta Emily Esther Fatima Fiona Gabriela Grace Hana Heather Imani Inés Isabel Jia Jocelyn Kateryna Keisha Lakshmi Leilani
    Lucía Mai Malia Margaret Mariam Mei Minh-Anh Monique Nadia Naomi Noémie Nora Olivia Padma Priya Rachel Renée Rosa Ruth
    Saoirse Shreya Sinéad Sofía Stephanie Tamara Thandiwe Valentina Wanda Ximena Yara Yuki Zoë
    """.split()
)

MALE = tuple(
    """
    Aaron Abdul Adebayo Ahmed Alejandro Andre Anthony Arjun Benjamin Björn Brandon Carlos Cedric Chen Dariusz Darnell David
    Diego Dmitri Duc Eduardo Elijah Emeka Enrique Farid Franklin George Giovanni Hamza Harold Hiroshi Ian Ibrahim Isaac Jamal
    Javier Jean-Luc Jerome Jesús Joaquín Jorge Joseph Kai Keanu Kenji Kofi Kwame Lars Luis Malik Marcus Mateo Miguel Nathan
    Nikolai Omar Óscar Patrick Rafael Raymond Rohan Ryan Samuel Sanjay Seán Terrence Tomás Tyrone Victor Walter Xavier Zachary
    """.split()
)

EITHER = tuple(
    "Ariel Avery Casey Dakota Emerson Jamie Jordan Kendall Kim Morgan Noor Phoenix Quinn Reese Rowan Sasha".split()
)

FAMILY = tuple(
    name.strip()
    for name in """
    Abernathy, Acosta, Adeyemi, Aguilar, Ahmadi, Alvarado, Andersson, Aquino, Arslan, Baca, Bailey, Bautista, Begay, Bell,
    Benavídez, Boateng, Brennan, Brzeziński, Calloway, Cárdenas, Castellanos, Chávez, Chen, Choi, Cohen, Contreras, Cruz, D'Angelo,
    Dang, Davidson, de la Cruz, de León, Del Rio, Delacroix, Desai, Diaz, Dubois, Ekwueme, Ellison, Espinoza, Eze, Fairweather,
    Farouk, Faulkner, Fernandes, Ferreira, Fitzgerald, Fofana, Gallagher, García, Garza, Goldberg, Gómez-Ruiz, Gonçalves, Grant,
    Guerrero, Gupta, Hadley, Haddad, Hamilton, Hashimoto, Hernández, Hoàng, Holloway, Hussein, Ibarra, Iyer, Jackson, Jaramillo,
    Jenkins, Johansson, Kahananui, Kaplan, Kealoha, Kim, Kowalczyk, Lavoie, Le, Lindqvist, Little Bear, Lopez, Lovelace, Mac Donald,
    Macharia, Maldonado, Mbeki, McAllister, McCoy, Mendoza, Mensah, Michaels, Mironova, Montgomery, Müller, Nakamura, Navarro,
    Ng, Nguyen, Núñez, O'Brien, O'Connor, Okafor, Okonkwo, Oliveira, Ortiz, Osei, Owens, Pacheco, Papadopoulos, Park, Patel,
    Pérez, Petrov, Pham, Quintana, Rahman, Ramírez, Reyes, Rhodes, Rinaldi, Rosenthal, Saito, Salazar, Sandoval, Santos, Schäfer,
    Shapiro, Silva, Singh, Smith-Tanaka, Sørensen, St. James, Stewart, Sullivan, Takahashi, Tesfaye, Thibodeaux, Tran, Tsosie,
    Turner, Underwood, Valdez, van der Berg, Vargas, Velásquez, Vo, von Hagen, Walker, Washington, Whitehorse, Williams, Wong,
    Xiong, Yamamoto, Yazzie, Yilmaz, Young, Zamora, Zhang, Zielinski
    """.split(",")
)

SUFFIXES = ("Jr", "Jr", "Sr", "II", "III", "IV")

STREETS = tuple(
    name.strip()
    for name in """
    Alder Way, Anchor Street, Barracks Hill Road, Bluebird Lane, Canyon Loop, Cedar Court, Compass Drive, Cottonwood Avenue,
    Eagle Crest, Ferry Landing, Flagstone Path, Foxglove Street, Harbor Road, Hickory Bend, Juniper Loop, Lantern Street,
    Magnolia Place, Meadowlark Drive, Millstone Road, Orchard Row, Parade Street, Pinecone Terrace, Prairie View, Quarry Road,
    Redwood Circle, River Bend, Runway Drive, Sagebrush Trail, Signal Hill, Station Street, Tamarack Lane, Willow Walk
    """.split(",")
)

PLACES = tuple(
    tuple(place.split("/"))
    for place in """
    Fort Invented/NC,Exampleton/TX,Port Sample/VA,Windfield/NM,Quietfield/OH,Old Sample/MT,Camp Pretend/CA,Lake Fictional/WA,
    New Placeholder/GA,Madeup Springs/CO,Notreal Falls/NY,Imagined Harbor/ME,Mount Fable/TN,Storybook/KS,Pretend Beach/FL,
    Fancy Creek/KY,Island Sample/HI,Northern Example/AK,Lorem Valley/AZ,Ipsum Heights/IL
    """.replace("\n    ", "")
    .strip()
    .split(",")
)

MAIL_DOMAINS = ("example.com", "example.net", "example.org", "mail.example", "post.example", "family.example")
