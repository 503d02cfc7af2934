import random

import numpy as np
import pytest

from tests.projects import ROOT
from workflow_scripts import plugins
from workflow_scripts.customization.bank.views import draw_views
from workflow_scripts.study.schema import read_yaml

SIZE = 16
SECTION = read_yaml(ROOT / "config/studies/smoke.yaml")["customization"]


def settings(scale, flip=0.0, pool=1):
    words = {"object": ["a small "], "style": [""]}
    changes = {"view_pool": pool, "flip": flip, "looks": [{"weight": 1, "scale": scale, "words": words}]}
    return plugins.settings("customization", "custom_diffusion", SECTION | changes)


def plain(value):
    return np.full((20, 20, 3), value, np.uint8)


def test_a_shrunk_exemplar_is_masked_and_its_edge_goes_on():
    view = draw_views([plain(7)], SIZE, "object", settings([0.5, 0.5]), random.Random(3))[0]
    assert view.mask.sum() == 8 * 8
    assert (view.image == 7).all()
    assert view.words == "a small "


def test_a_zoomed_exemplar_is_a_crop_without_mask():
    ramp = np.repeat(np.arange(0, 200, 10, dtype=np.uint8)[:, None, None], 20, 1).repeat(3, 2)
    view = draw_views([ramp], SIZE, "style", settings([2.0, 2.0]), random.Random(0))[0]
    assert view.image.shape == (SIZE, SIZE, 3)
    assert view.mask.all()
    assert np.ptp(view.image.astype(int)) < 110  # half of the ramp


def test_a_mirrored_view_is_the_mirror_image():
    half = plain(0)
    half[:, :10] = 255
    seen, mirrored = (
        draw_views([half], SIZE, "object", settings([1, 1], flip), random.Random(0))[0] for flip in (0, 1)
    )
    assert np.array_equal(mirrored.image, seen.image[:, ::-1])


@pytest.mark.parametrize("pool", [1, 7])
def test_every_exemplar_gets_a_view(pool):
    views = draw_views([plain(1), plain(2), plain(3)], SIZE, "style", settings([1, 1], pool=pool), random.Random(0))
    assert len(views) == max(3, pool)
    assert {int(view.image[0, 0, 0]) for view in views} == {1, 2, 3}


def test_views_depend_on_the_generator_alone():
    draw = [
        draw_views([plain(9)], SIZE, "object", settings([0.3, 1], 0.5, 5), random.Random(seed)) for seed in (1, 1, 2)
    ]
    masks = [np.stack([view.mask for view in views]) for views in draw]
    assert np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])
