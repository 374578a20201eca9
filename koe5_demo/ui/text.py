"""Every word of the page in Korean and English. Messages of the library live in `koe5_demo.messages`."""

from __future__ import annotations

from typing import Final

from koe5_demo.messages import Language

TEXT: Final[dict[str, tuple[str, str]]] = {
    # --- frame -----------------------------------------------------------------------------------------------------
    "title": ("KoE5 데모 · 한국어 검색 임베딩", "KoE5 demo · Korean retrieval embeddings"),
    "lead": (
        "질의와 후보 문단을 넣으면 어느 문단이 뜻이 가까운지 점수와 순위로 보여 줍니다. 무엇으로 계산했는지도 함께 적습니다.",
        "Type a query and candidate passages: see which passage is nearest in meaning, and what computed it.",
    ),
    "language": ("언어 · Language", "언어 · Language"),
    "dark": ("어둡게/밝게", "Dark/light"),
    "tab_ranking": ("순위·유사도", "Ranking · similarity"),
    # --- model -----------------------------------------------------------------------------------------------------
    "model": ("모델", "Model"),
    "model_hint": ("점수를 계산할 모델입니다.", "The model that computes the scores."),
    "model_absent": (
        "{id}: 이 컴퓨터에 없습니다. 고르면 내려받습니다({mb:,} MB).",
        "{id}: not on this machine. Choosing it downloads {mb:,} MB.",
    ),
    "model_absent_plain": ("{id}: 아직 열지 않았습니다.", "{id}: not opened yet."),
    "model_downloading": (
        "{id} 내려받는 중: {done:,.0f} / {total:,.0f} MB",
        "{id} is downloading: {done:,.0f} / {total:,.0f} MB",
    ),
    "model_downloading_start": ("{id}: 허브에 묻는 중입니다.", "{id}: asking the hub."),
    "model_loading": ("{id}: 여는 중입니다.", "{id}: opening."),
    "model_ready": ("{id}: 준비되었습니다.", "{id}: ready."),
    "model_meanwhile": (
        "그동안 내장 모델 mini가 답합니다. mini는 KoE5가 아닙니다.",
        "Meanwhile the embedded model mini answers. mini is not KoE5.",
    ),
    "model_switch": ("{id}로 바꾸기", "Switch to {id}"),
    "model_retry": ("다시 시도", "Try again"),
    "embedded_warning": (
        "지금 점수는 내장 모델 mini가 계산합니다. KoE5의 점수가 아닙니다.",
        "The scores come from the embedded model mini. They are not KoE5's.",
    ),
    # --- input -----------------------------------------------------------------------------------------------------
    "queries": ("질의", "Queries"),
    "queries_hint": ("한 줄에 하나씩, {limit:,}개까지", "One a line, up to {limit:,}"),
    "passages": ("후보 문단", "Candidate passages"),
    "passages_hint": ("{limit:,}개까지, 하나에 {chars:,}자까지", "Up to {limit:,}, each up to {chars:,} characters"),
    "passages_from_file": ("파일을 쓰는 동안 이 칸은 쉽니다.", "Not used while a file is chosen."),
    "layout": ("문단 나누기", "Passages are parted by"),
    "layout_lines": ("줄마다", "lines"),
    "layout_blocks": ("빈 줄마다", "blank lines"),
    "file": (
        "파일로 주기 (.txt .csv .tsv .jsonl, {mb:g} MB까지)",
        "From a file (.txt .csv .tsv .jsonl, up to {mb:g} MB)",
    ),
    "drop": ("파일을 끌어 놓거나 눌러서 고르기", "Drop a file here, or press to choose"),
    "column": ("문단이 든 열", "Column with the passages"),
    "read_count": (
        "질의 {queries:,}개 · 문단 {passages:,}개 · {chars:,}자를 읽었습니다.",
        "Read {queries:,} queries · {passages:,} passages · {chars:,} characters.",
    ),
    "examples": ("예시", "Examples"),
    "run": ("순위 매기기 (Ctrl+Enter)", "Rank (Ctrl+Enter)"),
    "running": ("계산하는 중", "Computing"),
    # --- results ---------------------------------------------------------------------------------------------------
    "results": ("결과", "Results"),
    "empty": (
        "질의와 문단을 넣고 순위를 매기면 여기에 결과가 나옵니다.",
        "Results appear here once you rank something.",
    ),
    "query_choice": ("순위를 볼 질의", "Query to show"),
    "rank": ("순위", "Rank"),
    "score": ("점수(코사인)", "Score (cosine)"),
    "passage": ("문단", "Passage"),
    "number": ("번호", "No."),
    "tokens": ("토큰", "Tokens"),
    "tokens_of": ("{used:,} / {limit:,}", "{used:,} / {limit:,}"),
    "cut": ("잘림", "cut"),
    "cut_title": (
        "{lost:,} 토큰이 한도를 넘어 모델이 보지 못했습니다.",
        "{lost:,} tokens passed the limit; the model never saw them.",
    ),
    "sort_hint": ("머리글을 누르면 정렬합니다.", "Press a heading to sort."),
    "heatmap": ("유사도 히트맵", "Similarity heatmap"),
    "view": ("보기", "View"),
    "view_cross": ("질의 × 문단", "Queries × passages"),
    "view_pairs": ("모든 쌍", "All pairs"),
    "scale": ("색 범위", "Colour scale"),
    "scale_fixed": ("고정 0–1", "Fixed 0–1"),
    "scale_stretched": ("점수에 맞춤", "Fitted to the scores"),
    "scale_line": ("색 범위 {low:.4f} – {high:.4f}", "Colours from {low:.4f} to {high:.4f}"),
    "heatmap_cut": (
        "글이 많아 점수가 높은 {shown:,}개만 그렸습니다(전체 {n:,}개는 CSV로).",
        "Only the {shown:,} best are drawn; all {n:,} are in the CSV.",
    ),
    "heatmap_table": ("히트맵을 표로", "The heatmap as a table"),
    "sent": ("모델에 실제로 보낸 글 (접두사 포함)", "What was really sent to the model (with prefixes)"),
    "sent_query": ("질의", "query"),
    "sent_passage": ("문단", "passage"),
    "sent_more": ("… 외 {n:,}개", "… and {n:,} more"),
    "code": ("같은 점수를 내는 코드", "Code that gives the same scores"),
    "download_csv": ("CSV 내려받기", "Download CSV"),
    "download_json": ("JSON 내려받기", "Download JSON"),
    "made_by": (
        "{model} · 판 {revision} · 엔진 {engine} · {dtype} · {device} · 글 {texts:,}개 · 토큰 {tokens:,}개 · "
        "새로 계산 {computed:,}개 · 저장된 벡터 {reused:,}개 · {milliseconds:,.0f} ms",
        "{model} · revision {revision} · engine {engine} · {dtype} · {device} · {texts:,} texts · {tokens:,} tokens · "
        "{computed:,} computed now · {reused:,} from the cache · {milliseconds:,.0f} ms",
    ),
    "unexpected": (
        "예상하지 못한 오류입니다(번호 {id}). 입력은 그대로 있습니다. 기록에 자세한 내용이 남았습니다.",
        "An unexpected error (number {id}). Your input is still there; the log has the details.",
    ),
}


def t(key: str, language: Language, **values: object) -> str:
    """Return the text of `key` in `language` with `values` filled in.

    Raises:
        KeyError: If there is no such text, or a value that it needs is missing.
    """
    korean, english = TEXT[key]
    return (korean if language is Language.KO else english).format(**values)
