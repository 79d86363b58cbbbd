from stemzoo.simulate.labels import relabelled

CLASSES = ("se_vacancy", "se_divacancy", "metal_dark", "bright")


def test_masks_count_classes_as_the_detector_does(day_b):
    frame = day_b[0]
    assert relabelled(frame, frame.classes) is frame
    own = ("bright", "se_vacancy")
    found = relabelled(frame, own)
    assert found.classes == own
    for name in CLASSES:
        marked = frame.mask == CLASSES.index(name) + 1
        expected = own.index(name) + 1 if name in own else 0
        assert set(found.mask[marked]) <= {expected}
