"""The gallery: a stable choice of queries, true exemplars marked, captions harmless."""

import pandas as pd
import pytest

from workflow_scripts.reporting import gallery, pages
from workflow_scripts.reporting.gallery import Answer, Entry, Guess, Picture

NASTY = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def queries(models: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"model": models, "prompt_index": range(len(models)), "index": 0, "ranks": [[1]] * len(models)})


def test_choice_is_seeded_and_of_different_models():
    table = queries([f"m{i % 5}" for i in range(50)])
    chosen = gallery.choose(table, 3, "seed", "cell")
    assert chosen["model"].nunique() == len(chosen) == 3
    assert chosen.equals(gallery.choose(table.sample(frac=1, random_state=0), 3, "seed", "cell"))
    assert not chosen.equals(gallery.choose(table, 3, "other seed", "cell"))
    assert len(gallery.choose(table, 9, "seed", "cell")) == 5


def test_share():
    assert gallery.share(24, 8) == [3] * 8
    assert gallery.share(10, 4) == [3, 3, 2, 2]
    assert gallery.share(1, 3) == [1, 1, 1]


def test_match_needs_every_query():
    table = queries(["a", "b", "c"])
    assert list(gallery.match(table, table.iloc[[2, 0]])["model"]) == ["c", "a"]
    with pytest.raises(ValueError, match=r"untuned scores lack the query \{'model': 'c'"):
        gallery.match(table.iloc[:2], table)


def test_captions_are_escaped():
    picture = Picture(NASTY, NASTY, b"\x89PNG")
    answers = [Answer("Tuned", [1], 6001, [Guess(picture, 12.3456, True)])]
    entry = Entry(NASTY, NASTY, NASTY, NASTY, picture, [picture], answers)
    page = pages.render("gallery", entries=[entry], study=NASTY, encoder=NASTY, head=NASTY, training_set=NASTY)
    assert "<script>alert" not in page and "<img src=x" not in page
    assert page.count("&lt;script&gt;alert(1)") > 10
    assert "12.346&nbsp;%" in page and "rank 1 of 6,001" in page


def test_page_of_the_chain(reported):
    page = reported.report("gallery.html").read_text()
    assert page.count("<article") == 7
    assert page.count("<ol>") == 14 and page.count("<li") == 14 * 10 + page.count('alt="Exemplar')
    assert "An evil &lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; cat" in page
    assert page.count('data-outcome="hit"') == 7  # the planted head finds all
    assert page.count('alt="Exemplar styles-') == 3 * page.count('<article data-case="styles"')


@pytest.mark.parametrize(("start", "kind"), [(b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"), (b"RIFF", "webp")])
def test_data_uri(start, kind):
    assert pages.data_uri(start + b"...").startswith(f"data:image/{kind};base64,")
