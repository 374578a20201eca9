"""Every message that the library may show a person, in Korean and English.

Knows nothing but text: errors and notices name a key here, so that one edit changes the page, the command line and the
API alike. Labels of the page live in `koe5_demo.ui.text`.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Language(str, Enum):
    """A language that the project speaks; the value is its BCP 47 tag."""

    KO = "ko"
    EN = "en"


MESSAGES: Final[dict[str, dict[Language, str]]] = {
    # --- input -----------------------------------------------------------------------------------------------------
    "no_query": {
        Language.KO: "질의가 비어 있습니다. 한 줄에 하나씩 적어 주세요.",
        Language.EN: "There is no query. Type at least one, one a line.",
    },
    "no_passage": {
        Language.KO: "후보 문단이 비어 있습니다. 글로 적거나 파일을 올려 주세요.",
        Language.EN: "There is no passage. Type some or upload a file.",
    },
    "no_text": {
        Language.KO: "글이 하나도 없습니다. 하나 이상 주세요.",
        Language.EN: "There is no text. Give at least one.",
    },
    "blank_text": {
        Language.KO: "{n}번째 글이 비어 있습니다. 지우거나 내용을 적어 주세요.",
        Language.EN: "Text {n} is blank. Remove it or fill it in.",
    },
    "too_many_queries": {
        Language.KO: "질의가 {n:,}개입니다. 한 번에 {limit:,}개까지 받습니다. 나누어 실행해 주세요.",
        Language.EN: "There are {n:,} queries; the limit is {limit:,}. Split them up.",
    },
    "too_many_passages": {
        Language.KO: "후보 문단이 {n:,}개입니다. 한 번에 {limit:,}개까지 받습니다. 줄이거나 명령줄의 encode를 써 주세요.",
        Language.EN: "There are {n:,} passages; the limit is {limit:,}. Use fewer, or the command line's `encode`.",
    },
    "text_too_long": {
        Language.KO: "{n}번째 글이 {chars:,}자입니다. 글 하나는 {limit:,}자까지 받습니다. 문단으로 나누어 주세요.",
        Language.EN: "Text {n} has {chars:,} characters; the limit is {limit:,}. Split it into paragraphs.",
    },
    "too_much_text": {
        Language.KO: "글이 모두 {chars:,}자입니다. 한 번에 {limit:,}자까지 받습니다. 나누어 실행해 주세요.",
        Language.EN: "The texts have {chars:,} characters in all; the limit is {limit:,}. Split them up.",
    },
    "bad_top_k": {
        Language.KO: "top_k는 1 이상이어야 합니다(받은 값: {value}).",
        Language.EN: "top_k must be at least 1 (got {value}).",
    },
    "bad_role": {
        Language.KO: "모르는 역할 {value!r}입니다. 쓸 수 있는 값: {valid}.",
        Language.EN: "Unknown role {value!r}. Valid: {valid}.",
    },
    # --- files -----------------------------------------------------------------------------------------------------
    "file_empty": {
        Language.KO: "{name} 파일이 비어 있습니다.",
        Language.EN: "The file {name} is empty.",
    },
    "file_missing": {
        Language.KO: "{name} 파일을 열 수 없습니다: {reason}",
        Language.EN: "Cannot open the file {name}: {reason}",
    },
    "file_too_big": {
        Language.KO: "{name} 파일이 {mb:.1f} MB입니다. {limit:g} MB까지 받습니다.",
        Language.EN: "The file {name} has {mb:.1f} MB; the limit is {limit:g} MB.",
    },
    "file_kind": {
        Language.KO: "{name} 파일은 읽을 수 없는 종류입니다. 쓸 수 있는 종류: {valid}.",
        Language.EN: "The file {name} is of a kind that cannot be read. Valid: {valid}.",
    },
    "file_encoding": {
        Language.KO: "{name} 파일의 문자 인코딩을 알 수 없습니다. UTF-8이나 CP949(EUC-KR)로 저장해 주세요.",
        Language.EN: "The encoding of {name} is unknown. Save it as UTF-8 or CP949 (EUC-KR).",
    },
    "file_broken_csv": {
        Language.KO: "{name} 파일을 CSV로 읽을 수 없습니다({line}번째 줄: {reason}).",
        Language.EN: "The file {name} cannot be read as CSV (line {line}: {reason}).",
    },
    "file_broken_jsonl": {
        Language.KO: "{name} 파일의 {line}번째 줄은 JSON 객체나 문자열이 아닙니다.",
        Language.EN: "Line {line} of {name} is not a JSON object or string.",
    },
    "file_too_many_columns": {
        Language.KO: "{name} 파일의 열이 {n:,}개입니다. {limit:,}개까지 받습니다.",
        Language.EN: "The file {name} has {n:,} columns; the limit is {limit:,}.",
    },
    "file_no_column": {
        Language.KO: "{name} 파일에 {column!r} 열이 없습니다. 있는 열: {valid}.",
        Language.EN: "The file {name} has no column {column!r}. Columns: {valid}.",
    },
    "file_no_text": {
        Language.KO: "{name} 파일의 {column!r} 열에 글이 없습니다. 다른 열을 고르세요.",
        Language.EN: "The column {column!r} of {name} holds no text. Choose another column.",
    },
    # --- models ----------------------------------------------------------------------------------------------------
    "unknown_model": {
        Language.KO: "모르는 모델 {value!r}입니다. 쓸 수 있는 값: {valid}, 또는 허브 id(조직/이름), 모델 폴더.",
        Language.EN: "Unknown model {value!r}. Valid: {valid}, or a hub id (owner/name), or a model folder.",
    },
    "custom_model_refused": {
        Language.KO: "이 서버는 목록에 있는 모델만 엽니다({valid}). 직접 실행할 때는 KOE5_ALLOW_CUSTOM_MODELS=1로 허용합니다.",
        Language.EN: "This server opens only the models of its list ({valid}). KOE5_ALLOW_CUSTOM_MODELS=1 allows others.",
    },
    "model_not_a_folder": {
        Language.KO: "{path} 폴더는 sentence-transformers 모델이 아닙니다(modules.json이나 config.json이 없습니다).",
        Language.EN: "The folder {path} is no sentence-transformers model (it has neither modules.json nor config.json).",
    },
    "model_foreign_code": {
        Language.KO: "{name} 모델은 파이썬 코드({module})를 실행해야 열립니다. 이 데모는 모델이 싣고 온 코드를 실행하지 않습니다.",
        Language.EN: "The model {name} needs its own Python code ({module}). This demo never runs code that comes with a model.",
    },
    "model_load_failed": {
        Language.KO: "{name} 모델을 열지 못했습니다: {reason}",
        Language.EN: "The model {name} could not be loaded: {reason}",
    },
    "hub_unreachable": {
        Language.KO: "모델 허브({endpoint})에 닿지 않아 {name} 모델을 받지 못했습니다: {reason}. 네트워크를 확인하거나 "
        "모델 폴더를 --model로 주세요.",
        Language.EN: "The model hub ({endpoint}) cannot be reached, so {name} was not downloaded: {reason}. Check the "
        "network, or give a model folder with --model.",
    },
    "hub_not_found": {
        Language.KO: "모델 허브에 {name} 모델(판 {revision})이 없습니다. 이름과 판을 확인하세요.",
        Language.EN: "The hub has no model {name} at revision {revision}. Check the name and the revision.",
    },
    "hub_incomplete": {
        Language.KO: "{name} 모델을 받다가 끊겼습니다: {reason}. 다시 시도하면 이어서 받습니다.",
        Language.EN: "The download of {name} broke off: {reason}. Try again; it continues where it stopped.",
    },
    "model_not_cached": {
        Language.KO: "{name} 모델이 이 컴퓨터에 없습니다.",
        Language.EN: "The model {name} is not on this machine.",
    },
    "missing_extra": {
        Language.KO: "이 기능에는 {package} 패키지가 필요합니다: pip install -r {requirements}",
        Language.EN: "This needs the package {package}: pip install -r {requirements}",
    },
    # --- settings --------------------------------------------------------------------------------------------------
    "bad_setting": {
        Language.KO: "환경 변수 {name}의 값 {value!r}을 쓸 수 없습니다. {rule}",
        Language.EN: "The environment variable {name} cannot be {value!r}. {rule}",
    },
    "bad_option": {
        Language.KO: "{name}의 값 {value!r}을 쓸 수 없습니다. 쓸 수 있는 값: {valid}.",
        Language.EN: "{name} cannot be {value!r}. Valid: {valid}.",
    },
    "output_failed": {
        Language.KO: "{name}에 쓰지 못했습니다: {reason}",
        Language.EN: "Cannot write {name}: {reason}",
    },
    # --- notices: the input was read, but the visitor should know something ------------------------------------------
    "notice_blank_skipped": {
        Language.KO: "빈 줄 {n}개를 건너뛰었습니다.",
        Language.EN: "{n} blank lines were skipped.",
    },
    "notice_controls_removed": {
        Language.KO: "보이지 않는 제어 문자 {n}개(NUL 따위)를 뺐습니다.",
        Language.EN: "{n} invisible control characters (such as NUL) were removed.",
    },
    "notice_surrogates_replaced": {
        Language.KO: "짝이 맞지 않는 유니코드 반쪽 {n}개를 �로 바꾸었습니다.",
        Language.EN: "{n} unpaired Unicode surrogates were replaced by �.",
    },
    "notice_one_passage": {
        Language.KO: "후보가 하나뿐이라 순위는 늘 1위입니다. 점수만 보세요.",
        Language.EN: "With one passage the rank is always 1: only the score tells something.",
    },
    "notice_duplicates": {
        Language.KO: "같은 후보가 있습니다: {pairs}. 점수가 같으면 앞의 것이 먼저 나옵니다.",
        Language.EN: "Some passages are the same: {pairs}. Equal scores keep their order.",
    },
    "notice_truncated": {
        Language.KO: "{limit:,} 토큰을 넘는 글 {n}개는 뒷부분이 잘린 채 계산되었습니다.",
        Language.EN: "{n} texts exceed {limit:,} tokens; their ends were not seen by the model.",
    },
    "notice_prefix_typed": {
        Language.KO: "글 {n}개에 접두사가 이미 적혀 있어 다시 붙이지 않았습니다.",
        Language.EN: "{n} texts already carry a prefix; it was not added again.",
    },
    "notice_encoding": {
        Language.KO: "{name}: {encoding} 인코딩으로 읽었습니다.",
        Language.EN: "{name}: read as {encoding}.",
    },
}


def message(key: str, language: Language, **values: object) -> str:
    """Return the text of `key` in `language` with `values` filled in.

    Raises:
        KeyError: If there is no such message, or a value that it needs is missing.
    """
    return MESSAGES[key][language].format(**values)
