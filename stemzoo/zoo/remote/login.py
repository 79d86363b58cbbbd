"""Whether the Hugging Face Hub can be reached, and who is logged in there."""

from stemzoo.zoo.remote.cache import is_offline
from stemzoo.zoo.remote.limits import LARGEST_LISTING, AnswerLimits, limited

TIMEOUT = 10.0  # [s]


def ask_who_is_there() -> tuple[bool, str]:
    """Ask the Hub whose token is in use; needed for private repositories and to publish.

    Returns
    -------
    ok : bool
        Whether all is as it should be; without a token, or offline by the user's wish, it is.
    text : str
        The Hub's address, what it answered, and what to do where that is wrong.

    Examples
    --------
    >>> ask_who_is_there()  # doctest: +SKIP
    (True, 'https://huggingface.co: logged in as alice')
    """
    from huggingface_hub import constants, errors, get_session, get_token
    from huggingface_hub.utils import build_hf_headers

    place = constants.ENDPOINT
    if is_offline():
        return True, f"{place}: not asked, STEMZOO_OFFLINE or HF_HUB_OFFLINE is set"
    try:
        url = f"{place}/api/whoami-v2"
        with limited(AnswerLimits(place, LARGEST_LISTING, seconds=2 * TIMEOUT)):
            answer = get_session().get(url, headers=build_hf_headers(), timeout=TIMEOUT)
    except (OSError, errors.HTTPError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        step = "check network, HF_ENDPOINT, proxy. Bundled weights need no Hub."
        return False, f"{place}: {reason}; {step}"
    if get_token() is None:
        who = "no token, which private repositories and publishing need"
        return answer.status_code == 401, f"{place}: {answer.status_code}, {who}"
    if answer.status_code != 200:
        step = "renew it with 'hf auth login'"
        return False, f"{place}: {answer.status_code} for your token; {step}"
    try:
        who = answer.json()["name"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False, f"{place}: no Hub; check HF_ENDPOINT"
    return True, f"{place}: logged in as {who}"
