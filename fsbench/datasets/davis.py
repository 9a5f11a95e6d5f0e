"""What is known of DAVIS 2017 and of the sentences about it, without its files."""

__all__ = ["ANNOTATORS", "VAL_LIST", "davis_category"]

ANNOTATORS = ("Davis17_annot1", "Davis17_annot1_full_video", "Davis17_annot2", "Davis17_annot2_full_video")
"""As the field counts them: expression `4 * i + k` of a video is annotator k's i-th, answered in `anno_<k>/`."""

VAL_LIST = "ImageSets/2017/val.txt"
"""The list of the videos that Ref-DAVIS17 is scored on, below the root of the release and of what is made of it."""

_CATEGORIES = """
bear: bear; bike-packing: bicycle person; blackswan: bird; bmx-bumps: bicycle person; bmx-trees: bicycle person;
boat: boat; boxing-fisheye: person person person; breakdance: person; breakdance-flare: person; bus: bus; camel:
camel; car-roundabout: car; car-shadow: car; car-turn: car; cat-girl: person cat; classic-car: person person car;
color-run: person person person; cows: cow; crossing: person person truck; dance-jump: person; dance-twirl: person;
dancing: person person person; disc-jockey: person person mask; dog: dog; dog-agility: dog; dog-gooses: dog bird
bird bird bird; dogs-jump: dog dog person; dogs-scale: dog dog person scale; drift-chicane: car; drift-straight:
car; drift-turn: car; drone: drone cellphone person cellphone person; elephant: elephant; flamingo: bird; goat:
goat; gold-fish: fish fish fish fish fish; hike: person; hockey: person stick puck; horsejump-high: horse person;
horsejump-low: horse person; india: person person person; judo: person person; kid-football: person ball; kite-surf:
sail surfboard person; kite-walk: kite person surfboard; koala: koala; lab-coat: cellphone cellphone person person
person; lady-running: person paper; libby: dog; lindy-hop: person person person person person person person person;
loading: person box person; longboard: backpack bicycle skateboard person person; lucia: person; mallard-fly: bird;
mallard-water: bird; mbike-trick: person motorcycle; miami-surf: person surfboard person surfboard person surfboard;
motocross-bumps: person motorcycle; motocross-jump: person motorcycle; motorbike: motorcycle person person;
night-race: car car; paragliding: person paraglide; paragliding-launch: backpack person paraglide; parkour: person;
pigs: pig pig pig; planes-water: airplane airplane; rallye: car; rhino: rhino; rollerblade: person; schoolgirls:
person backpack person backpack person backpack person; scooter-black: person motorcycle; scooter-board: person
scooter; scooter-gray: motorcycle person; sheep: sheep sheep sheep sheep sheep; shooting: gun person rope;
skate-park: person skateboard; snowboard: snowboard person; soapbox: kart person person; soccerball: ball; stroller:
person stroller; stunt: scooter person; surf: surfboard person sail; swing: person swing leash; tennis: person
tennis_racket; tractor-sand: trailer person tractor; train: carriage carriage carriage train; tuk-tuk: person person
person; upside-down: person person; varanus-cage: varanus; walking: person person
"""
_OF_VIDEO = {
    video: tuple(category.replace("_", " ") for category in categories.split())
    for video, categories in (entry.split(":") for entry in _CATEGORIES.replace("\n", " ").strip().split("; "))
}


def davis_category(video: str, object_id: int) -> str | None:
    """Returns what an object of train or val is, as `davis_semantics.json` says; None if there is no such object."""
    categories = _OF_VIDEO.get(video, ())
    return categories[object_id - 1] if 1 <= object_id <= len(categories) else None
