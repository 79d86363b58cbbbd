from stemzoo.zoo.cards.tasks import intended_use


def test_vacancies_of_any_element_are_told_in_words():
    classes = ["te_vacancy", "te_divacancy", "metal_dark", "own"]
    text = intended_use("detection", "mote2", "mote2-any", {"classes": classes})
    assert "- `te_vacancy`: one Te of a column is missing" in text
    assert "- `te_divacancy`: two Te of a column are missing" in text
    assert "- `metal_dark`: the metal is missing or replaced by a lighter one" in text
    assert "- `own`: own" in text
