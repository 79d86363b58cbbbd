import pytest


@pytest.fixture
def channels_first():
    """Set the order of axes as a user's keras.json may."""
    import keras

    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format(before)
