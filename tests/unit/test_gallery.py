"""The gallery: a stable choice of queries, extremes in both directions, true exemplars marked, captions harmless."""

import numpy as np
import pandas as pd
import pytest

from workflow_scripts import artifacts
from workflow_scripts.reporting import choice, gallery, pages
from workflow_scripts.reporting.gallery import Answer, Comparison, Entry, Guess, Picture, Pictures
from workflow_scripts.reporting.lineage import Lineage, Origin
from workflow_scripts.reporting.pages import Sheet, shrunk_uri
from workflow_scripts.study.settings.report import GallerySettings

NASTY = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def queries(models: list[str], best: list[int] | None = None, prompt_set: str = "llm") -> pd.DataFrame:
    best = best or [1] * len(models)
    columns = {"model": models, "prompt_index": range(len(models)), "best": best, "ranks": [[rank] for rank in best]}
    return pd.DataFrame(columns).assign(split="test", prompt_set=prompt_set, index=0)


def settings(random: int, chosen: int) -> GallerySettings:
    return GallerySettings("test", 0, ("feature_similarity",), ("pixels",), "linear", "all", random, chosen)


def picture(shade: int, size: int = 16) -> bytes:
    return artifacts.encode_png(np.full((size, size, 3), shade, np.uint8))


def test_drawing_is_seeded_and_of_different_models():
    table = queries([f"m{i % 5}" for i in range(50)])
    drawn = choice.draw(table, 3, "seed", "cell")
    assert drawn["model"].nunique() == len(drawn) == 3
    assert drawn.equals(choice.draw(table.sample(frac=1, random_state=0), 3, "seed", "cell"))
    assert not drawn.equals(choice.draw(table, 3, "other seed", "cell"))
    assert len(choice.draw(table, 9, "seed", "cell")) == 5


def test_share():
    assert choice.share(24, 8) == [3] * 8
    assert choice.share(10, 4) == [3, 3, 2, 2]
    assert choice.share(1, 3) == [1, 1, 1]


def test_extremes_by_hand():
    untuned = queries(["a", "a", "b", "c", "d"], [100, 90, 10, 5, 7])
    tuned = queries(["a", "a", "b", "c", "d"], [50, 1, 1000, 40, 7])
    # From rank 90 to 1 is the most of a's; b loses a factor of 100, c one of 8; d does not move.
    moves = choice.extremes(untuned, tuned)
    assert [query[2:4] for query in moves[choice.GAIN]] == [("a", 1)]
    assert [query[2:4] for query in moves[choice.LOSS]] == [("b", 2), ("c", 3)]


def test_gains_and_losses_take_turns():
    moves = {"gain": ["g1"], "loss": ["l1", "l2"]}
    assert list(choice.take_turns(moves, 4)) == [("gain", "g1"), ("loss", "l1"), ("loss", "l2")]


def test_choice_spreads_over_cells_and_names_its_reasons():
    tables = [
        queries(["a", "b", "c"], best, name) for best in ([9, 9, 9], [1, 9, 99]) for name in ("llm", "procedural")
    ]
    untuned, tuned = (pd.concat(tables[i : i + 2], ignore_index=True) for i in (0, 2))
    picked = choice.choose({"x": untuned}, {"x": tuned}, settings(random=6, chosen=4))["x"]
    assert len(picked) == 6  # all of them, drawn at random: the extremes are among them
    assert {row.model: row.reasons for row in picked.itertuples() if row.prompt_set == "llm"} == {
        "a": (choice.RANDOM, choice.GAIN),
        "b": (choice.RANDOM,),
        "c": (choice.RANDOM, choice.LOSS),
    }
    # One of each cell: where one shows a gain, the next shows a loss.
    picked = choice.choose({"x": untuned}, {"x": tuned}, settings(random=2, chosen=2))["x"]
    reasons = {reason for reasons in picked["reasons"] for reason in reasons}
    assert reasons == {choice.RANDOM, choice.GAIN, choice.LOSS}


def test_match_needs_every_query():
    table = queries(["a", "b", "c"])
    assert list(choice.match(table, table.iloc[[2, 0]])["model"]) == ["c", "a"]
    with pytest.raises(ValueError, match=r"scores to compare lack the query \{.*'model': 'c'"):
        choice.match(table.iloc[:2], table)


def test_thumbnails_are_held_once_and_small():
    sheet = Sheet()
    assert [sheet.add(picture(shade)) for shade in (1, 2, 1)] == [0, 1, 0]
    assert len(sheet.uris) == 2 and all(uri.startswith("data:image/webp;base64,") for uri in sheet.uris)
    assert len(shrunk_uri(picture(9, 512), 64, "x")) < 300
    with pytest.raises(ValueError, match=r"^sample 3: not a readable image"):
        shrunk_uri(b"\x89PNG", 64, "sample 3")


def test_of_a_large_set_the_first_exemplars_are_shown():
    exemplars = pd.DataFrame({"model": "m", "k": k, "class": "cat", "image": picture(k)} for k in reversed(range(50)))
    distractors = pd.DataFrame({"id": ["d"], "class": ["dog"], "image": [picture(99)]})
    pictures = Pictures(exemplars, distractors, Sheet())
    assert pictures.get("d").label == "dog, d"
    shown = pictures.exemplars("m")
    assert [picture.label for picture in shown] == [f"cat, m/{k}" for k in range(gallery.EXEMPLARS)]


def test_answer_marks_the_models_own_exemplars():
    exemplars = pd.DataFrame({"model": ["m", "m"], "k": [0, 1], "class": "cat", "image": [picture(0), picture(1)]})
    distractors = pd.DataFrame({"id": ["m2"], "class": ["dog"], "image": [picture(2)]})
    row = {"model": "m", "ranks": [7, 2], "candidates": 5, "top_ids": ["m2", "m/1"], "top_influence": [40.0, 30.0]}
    answer = gallery.answer(pd.Series(row), Pictures(exemplars, distractors, Sheet()))
    assert answer.ranks == [2, 7] and [guess.true for guess in answer.guesses] == [False, True] and answer.hits == 1


def entry() -> Entry:
    """An entry with every text of it hostile."""
    guesses = [Guess(Picture(0, NASTY), 12.3456, True)]
    answers = [Comparison(NASTY, NASTY, Answer([6001], 6001, []), Answer([1], 6001, guesses))]
    lineage = Lineage(
        study=NASTY,
        case=NASTY,
        model=NASTY,
        prompt_set=NASTY,
        prompt=NASTY,
        prompt_index=0,
        index=0,
        seed=7,
        tuning_prompt=NASTY,
        losses=[2, 1],
        first_loss=2,
        last_loss=1,
        exemplars=[Origin(NASTY, NASTY, NASTY, NASTY, NASTY)] * 3,
        files={NASTY: NASTY},
        commands=[NASTY],
    )
    return Entry((NASTY,), pages.data_uri(picture(0)), [Picture(0, NASTY)], answers, lineage)


def test_all_texts_are_escaped():
    names = {"study": NASTY, "methods": [NASTY], "encoders": [NASTY], "head": NASTY, "training_set": NASTY}
    page = pages.render("gallery", entries=[entry()], thumbnails=["data:,"], **names)
    assert "<script>alert" not in page and "<img src=x" not in page
    assert page.count("&lt;script&gt;alert(1)") > 30
    assert "12.346&nbsp;%" in page and "rank 1 of 6,001" in page and "and 2 more" in page


def test_page_of_the_chain(reported):
    page = reported.report("gallery.html").read_text()
    entries = page.count("<article")
    assert 12 <= entries <= 20  # of 12 drawn and 8 chosen, some are both
    assert page.count("<ol>") == entries * 2 * 2  # two encoders, untuned and tuned
    assert page.count("<use ") == entries * 40 + page.count('<li class="true"><svg')
    assert "An evil &lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; cat" in page
    assert page.count('data-hits="[&#34;feature_similarity pixels&#34;') == entries  # the planted head finds all
    assert page.count('class="reason">random') == 12 and 'class="reason">largest gain' in page
    assert "by nobody, CC0-1.0" in page
    assert "--profile config/profiles/default --config study=synthetic -- results/synthetic/models/seen/test_" in page


@pytest.mark.parametrize(("start", "kind"), [(b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"), (b"RIFF", "webp")])
def test_data_uri(start, kind):
    assert pages.data_uri(start + b"...").startswith(f"data:image/{kind};base64,")
