"""Every word of the page in Korean and English. Messages of the library live in `koe5_demo.messages`."""

from __future__ import annotations

from typing import Final

from koe5_demo.messages import Language

TEXT: Final[dict[str, tuple[str, str]]] = {
    # --- frame -----------------------------------------------------------------------------------------------------
    "title": ("KoE5 · 한국어 검색 임베딩 데모", "KoE5 · Korean retrieval embedding demo"),
    "lead": (
        "질의와 뜻이 가까운 문단을 찾고, 점수가 왜 그렇게 나왔는지 단어 단위로 보여 줍니다.",
        "Find the passages closest in meaning to a query, and see word by word where each score comes from.",
    ),
    "language": ("언어 · Language", "언어 · Language"),
    "dark": ("◐ 다크 모드", "◐ Dark mode"),
    "footer_api": ("API 사용법", "API docs"),
    "footer_model": ("KoE5 모델", "KoE5 model"),
    "footer_stored": ("입력한 글은 서버에 저장하지 않습니다.", "Your texts are not stored on the server."),
    "tab_ranking": ("순위·유사도", "Ranking & similarity"),
    "tab_model": ("모델", "Model"),
    # --- model tab -------------------------------------------------------------------------------------------------
    "about_title": ("KoE5란?", "What is KoE5?"),
    "about_koe5": (
        "고려대학교 NLP & AI 연구실과 HIAI 연구소가 공개한 한국어 검색 임베딩 모델입니다. 글을 "
        "{dimensions:,}차원 벡터로 바꾸며, 뜻이 가까운 글일수록 코사인 유사도가 높습니다. 매개변수 "
        "{parameters:,.0f}M, 입력 한도 {tokens:,}토큰.",
        "A Korean retrieval embedding model by Korea University's NLP & AI Lab and HIAI. It turns a text "
        "into a vector of {dimensions:,} dimensions; texts close in meaning have a high cosine similarity. "
        "{parameters:,.0f} million parameters, up to {tokens:,} tokens.",
    ),
    "about_prompts": ("접두사:", "Prefixes:"),
    "about_prompts_why": (
        "학습할 때 붙인 접두사라서 빠지면 점수가 나빠집니다. 이 데모는 정확히 한 번만 붙이고, 실제로 보낸 "
        "글을 보여 줍니다.",
        "The model was trained with them and does worse without. This demo adds them exactly once and shows "
        "what was sent.",
    ),
    "about_limit": (
        "{tokens:,}토큰을 넘는 뒷부분은 모델이 읽지 않습니다. 이 데모는 잘린 토큰 수를 표시합니다.",
        "Whatever passes {tokens:,} tokens is not read by the model. This demo shows how many tokens were cut.",
    ),
    "about_licence": ("라이선스:", "Licence:"),
    "recipe_title": ("학습 방법 (공개된 값)", "Training recipe (as published)"),
    "recipe_base": ("기반 모델", "Base model"),
    "recipe_data": ("학습 데이터", "Training data"),
    "recipe_rows": ("삼중항 약 {n:,}개", "about {n:,} triplets"),
    "recipe_loss": ("손실 함수", "Loss"),
    "recipe_batch": ("배치 크기", "Batch size"),
    "recipe_rate": ("학습률", "Learning rate"),
    "recipe_epochs": ("에폭", "Epochs"),
    "recipe_prompts": ("접두사 (질의, 정답, 오답)", "Prefixes (query, positive, negative)"),
    "recipe_run": ("직접 실행하려면:", "To run it:"),
    "loaded_title": ("불러온 모델", "Loaded models"),
    "loaded_from": ("출처", "From"),
    "loaded_engine": ("엔진", "Engine"),
    "loaded_dimensions": ("차원", "Dimensions"),
    "loaded_limit": ("한도", "Limit"),
    "from_hub": ("허브에서 받은 파일", "files from the hub"),
    "from_folder": ("로컬 폴더", "a local folder"),
    "from_embedded": ("이 저장소 (assets/mini)", "this repository (assets/mini)"),
    "memory": ("서버 메모리 사용량 {mb:,.0f}MB", "Server memory in use: {mb:,.0f} MB"),
    "catalog_title": ("선택할 수 있는 모델", "Available models"),
    "citation_title": ("인용", "Citation"),
    "code_licence": ("이 데모의 코드는 MIT 라이선스입니다.", "This demo's code is under the MIT licence."),
    "speed_measure": ("이 컴퓨터에서 속도 측정", "Measure the speed on this machine"),
    "speed_title": ("속도", "Speed"),
    "speed": (
        "{model} @ {revision} · 엔진 {engine} · {dtype} · {device}: 초당 {per_s:,.0f}토큰, 텍스트 "
        "{texts_per_s:,.1f}개 (텍스트 {texts:,}개 {tokens:,}토큰, 벡터 캐시 없이 세 번 중 최고)",
        "{model} @ {revision} · engine {engine} · {dtype} · {device}: {per_s:,.0f} tokens/s, "
        "{texts_per_s:,.1f} texts/s ({texts:,} texts, {tokens:,} tokens, no vector cache, best of three)",
    ),
    "paper_chart": ("공개된 결과: 논문의 NDCG@1", "Published results: the paper's NDCG@1"),
    "paper_note": (
        "논문에 실린 값이며 이 페이지에서 측정한 값이 아닙니다. AutoRAG 값을 그대로 비교할 수 없는 이유는 "
        "성능 평가 탭에서 설명합니다.",
        "Values printed in the paper, not measured here. The benchmark tab explains why the AutoRAG values "
        "cannot be compared as they stand.",
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
    "model_ready": ("{id}: 사용할 수 있습니다.", "{id}: ready."),
    "model_meanwhile": (
        "그동안 내장 모델 mini가 답합니다. mini는 KoE5가 아닙니다.",
        "Meanwhile the embedded model mini answers. mini is not KoE5.",
    ),
    "model_switch": ("{id}로 바꾸기", "Switch to {id}"),
    "model_retry": ("다시 시도", "Try again"),
    "embedded_warning": (
        "내장 모델 mini로 계산한 점수입니다. KoE5의 점수가 아닙니다.",
        "These scores come from the embedded model mini. They are not KoE5's.",
    ),
    # --- input -----------------------------------------------------------------------------------------------------
    "queries": ("질의", "Queries"),
    "queries_hint": ("한 줄에 하나씩, 최대 {limit:,}개", "One per line, up to {limit:,}"),
    "passages": ("후보 문단", "Candidate passages"),
    "passages_hint": (
        "최대 {limit:,}개, 하나당 {chars:,}자까지",
        "Up to {limit:,}, each up to {chars:,} characters",
    ),
    "passages_from_file": (
        "파일의 문단을 사용합니다. 직접 입력하려면 파일을 지우세요.",
        "The file's passages are used. Remove the file to type your own.",
    ),
    "layout": ("문단 구분", "Separate passages by"),
    "layout_lines": ("줄바꿈", "line breaks"),
    "layout_blocks": ("빈 줄", "blank lines"),
    "file": (
        "파일에서 문단 읽기 (.txt .csv .tsv .jsonl, 최대 {mb:g}MB)",
        "Read passages from a file (.txt .csv .tsv .jsonl, up to {mb:g} MB)",
    ),
    "drop": ("파일을 끌어다 놓거나 눌러서 선택", "Drop a file here or press to choose"),
    "column": ("문단이 있는 열", "Column with the passages"),
    "read_count": (
        "질의 {queries:,}개, 문단 {passages:,}개, 모두 {chars:,}자",
        "Queries: {queries:,}, passages: {passages:,}, characters: {chars:,}",
    ),
    "examples": ("예시", "Examples"),
    "run": ("순위 매기기 (Ctrl+Enter)", "Rank (Ctrl+Enter)"),
    "running": ("계산 중", "Computing"),
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
    "scale_line": (
        "색 범위 {low:.4f} – {high:.4f} · 칸을 누르면 그 쌍의 점수를 단어로 나누어 보여 줍니다.",
        "Colours from {low:.4f} to {high:.4f} · Press a cell to take its score apart.",
    ),
    "heatmap_cut": (
        "점수가 높은 {shown:,}개만 표시합니다(전체 {n:,}개는 CSV로 받을 수 있습니다).",
        "Only the {shown:,} best are drawn; all {n:,} are in the CSV.",
    ),
    "heatmap_table": ("히트맵을 표로 보기", "The heatmap as a table"),
    "sent": ("모델에 실제로 보낸 글 (접두사 포함)", "What was sent to the model (with prefixes)"),
    "sent_query": ("질의", "query"),
    "sent_passage": ("문단", "passage"),
    "lost_title": ("한도를 넘어 모델이 읽지 않은 부분", "Past the limit: not read by the model"),
    "why": ("왜?", "Why?"),
    "why_label": ("{n}번 문단의 점수를 단어로 나누어 보기", "Take the score of passage {n} apart"),
    "why_title": ("왜 이 점수인가요?", "Why this score?"),
    "why_hint": (
        "순위의 ‘왜?’나 히트맵의 칸을 누르면 단어마다 점수에 얼마나 기여했는지 보여 줍니다.",
        "Press “Why?” in the ranking or a cell of the heatmap to see what each word adds to the score.",
    ),
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
    "options": ("비교와 긴 글 옵션", "Comparison and long-text options"),
    "windows": (
        "긴 문단은 겹치는 구간으로 나누고 가장 높은 구간의 점수 사용",
        "Split long passages into overlapping windows and use the best window's score",
    ),
    "window": (
        "가장 높은 구간 {n}/{of} ({start:,}–{end:,}번째 글자)",
        "Best window {n} of {of} (characters {start:,}–{end:,})",
    ),
    "bare_option": ("접두사 없이 계산한 점수와 비교", "Compare with scores without prefixes"),
    "bare": ("접두사 없음", "No prefix"),
    "rival_option": ("비교할 모델", "Model to compare with"),
    "rival_none": ("없음", "none"),
    "rival_title": ("두 모델 비교", "Two models side by side"),
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
    "scatter_of": ("{model} 점수", "{model} score"),
    "map_title": ("의미 지도 (PCA, 텍스트 8개부터)", "Map of the texts (PCA, from 8 texts on)"),
    "map_queries": ("질의", "queries"),
    "map_passages": ("문단", "passages"),
    "map_axis": ("축 {n} (분산의 {percent:.0f}%)", "Axis {n} ({percent:.0f}% of the variance)"),
    "map_near": ("가까운 글: {name} {cosine:.3f}", "nearest: {name} {cosine:.3f}"),
    "token_meter": ("가장 긴 문단 {longest:,}/{limit:,}토큰", "Longest passage {longest:,}/{limit:,} tokens"),
    "token_meter_cut": (
        "가장 긴 문단 {longest:,}/{limit:,}토큰: 문단 {n:,}개가 잘립니다",
        "Longest passage {longest:,}/{limit:,} tokens: {n:,} will be cut",
    ),
    "share": ("공유 링크 복사", "Copy share link"),
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
        "{model} @ {revision} · 엔진 {engine} · {dtype} · {device} · 텍스트 {texts:,}개 {tokens:,}토큰 · "
        "새로 계산 {computed:,}개, 캐시 {reused:,}개 · {milliseconds:,.0f}ms",
        "{model} @ {revision} · engine {engine} · {dtype} · {device} · {texts:,} texts, {tokens:,} tokens · "
        "{computed:,} computed, {reused:,} from the cache · {milliseconds:,.0f} ms",
    ),
    "unexpected": (
        "예상하지 못한 오류가 났습니다(오류 번호 {id}). 입력한 글은 그대로 있습니다. 자세한 내용은 서버 "
        "로그에 남았습니다.",
        "An unexpected error occurred (number {id}). Your input is still there; the server log has the details.",
    ),
    # --- benchmark tab ---------------------------------------------------------------------------------------------
    "tab_benchmark": ("성능 평가", "Benchmark"),
    "bench_lead": (
        "검색 벤치마크를 이 컴퓨터에서 직접 실행하고 공개된 수치와 나란히 봅니다. 공개된 값은 ‘공개값’으로, "
        "측정한 값은 측정 환경과 시각을 함께 표시합니다.",
        "Run the retrieval benchmarks on this machine and see them beside the published numbers. Published "
        "numbers are always labelled so; measured ones say what computed them, and when.",
    ),
    "bench_choose": ("평가 설정", "Choose what to run"),
    "bench_datasets": ("데이터셋", "Datasets"),
    "bench_datasets_hint": (
        "처음 세 개가 KoE5 논문의 데이터셋입니다. 없는 것은 시작할 때 내려받습니다.",
        "The first three are those of the KoE5 paper. Missing ones are downloaded at the start.",
    ),
    "bench_about_sets": (
        "데이터셋 크기, 라이선스, 리비전, 예상 시간",
        "Size, licence, revision and estimated time of the datasets",
    ),
    "bench_set": ("데이터셋", "Dataset"),
    "bench_size": ("문서 / 질의", "Documents / queries"),
    "bench_size_of": ("{documents:,} / {queries:,}", "{documents:,} / {queries:,}"),
    "bench_licence": ("라이선스", "Licence"),
    "bench_source": ("출처", "Source"),
    "bench_revision": ("리비전", "Revision"),
    "bench_cached": ("이 컴퓨터에", "On this machine"),
    "bench_yes": ("있음", "yes"),
    "bench_no": ("없음", "no"),
    "bench_time": ("예상 시간", "Estimated time"),
    "bench_unknown": ("알 수 없음", "unknown"),
    "bench_seconds": ("약 {n:,.0f}초", "about {n:,.0f} s"),
    "bench_minutes": ("약 {n:,.0f}분", "about {n:,.0f} min"),
    "bench_hours": ("약 {n:,.1f}시간", "about {n:,.1f} h"),
    "bench_time_note": (
        "예상 시간은 선택한 모델의 속도를 이 장치에서 짧게 측정해 추정한 인코딩 시간입니다. 페이지의 연산 형식으로 "
        "측정하므로 float32로 돌리면 더 걸립니다. 아직 불러오지 않은 모델은 알 수 없습니다. 디스크에 저장된 벡터는 다시 계산하지 않습니다.",
        "The estimate is for encoding, from a short measurement of the chosen models on this device in "
        "the page's own arithmetic: a run in float32 takes longer. Unknown for models that are not loaded yet. Vectors kept on disk are not computed again.",
    ),
    "bench_models": ("모델", "Models"),
    "bench_lexical": ("어휘 검색", "Lexical search"),
    "bench_fusions": ("결합 (선택한 모델 + BM25)", "Fusion (chosen models + BM25)"),
    "bench_lexical_bm25": ("BM25 · 글자 2그램", "BM25 · character bigrams"),
    "bench_lexical_bm25-kiwi": ("BM25 · Kiwi 형태소", "BM25 · Kiwi morphemes"),
    "bench_fusion_rrf": ("순위 역수 합 (RRF)", "Reciprocal rank (RRF)"),
    "bench_fusion_weighted": ("점수 절반씩", "Scores, half and half"),
    "bench_model_ready": ("{name}", "{name}"),
    "bench_model_here": ("{name} · 불러와야 함", "{name} · to be loaded"),
    "bench_model_download": ("{name} · {mb:,}MB 다운로드", "{name} · downloads {mb:,} MB"),
    "bench_models_absent": (
        "지금 사용할 수 없는 모델: {names}. 이 컴퓨터에 없고 허브에 연결되지 않습니다.",
        "Not available now: {names}. They are not on this machine and the hub is out of reach.",
    ),
    "bench_more_models": (
        "다른 모델 (허브 id나 폴더, 쉼표로 구분)",
        "Other models (hub ids or folders, separated by commas)",
    ),
    "bench_dtype": ("연산 정밀도", "Arithmetic"),
    "bench_dtype_hint": (
        "발표된 수치와 비교하려면 float32를 선택하세요. 나머지는 더 빠르지만 점수가 조금 달라집니다. 확인용 글 16개의 순위가 float32와 같고 코사인 차이가 0.01 이내일 때만 사용하며, 아니면 float32로 계산하고 결과에 표시합니다.",
        "Use float32 to compare with published numbers. The others are faster and change scores a little; they are used only if 16 probe texts rank as in float32 and no cosine moves by more than 0.01 (else float32 runs, and the result says so).",
    ),
    "bench_dtype_fp32": ("float32 · 모델 그대로", "float32 · the model as it is"),
    "bench_dtype_auto": ("자동 · 이 장치에서 가장 빠른 것", "auto · the fastest on this device"),
    "bench_dtype_bf16": ("bfloat16 · 16비트", "bfloat16 · 16 bits"),
    "bench_dtype_fp16": ("float16 · 16비트", "float16 · 16 bits"),
    "bench_dtype_int8": ("int8 · 8비트", "int8 · 8 bits"),
    "bench_start": ("평가 시작", "Start"),
    "bench_stop": ("중지", "Stop"),
    "bench_nothing_chosen": (
        "데이터셋과 모델(또는 BM25)을 하나 이상 선택하세요.",
        "Choose at least one dataset, and a model or BM25.",
    ),
    "bench_phase_waiting": ("다른 실행이 끝나기를 기다리는 중", "Waiting for other runs"),
    "bench_phase_loading_data": ("데이터를 읽는 중", "Reading data"),
    "bench_phase_loading_model": ("모델을 불러오는 중", "Loading the model"),
    "bench_phase_encoding_queries": ("질의를 인코딩하는 중", "Encoding queries"),
    "bench_phase_encoding_documents": ("문서를 인코딩하는 중", "Encoding documents"),
    "bench_phase_searching": ("검색하는 중", "Searching"),
    "bench_phase_scoring": ("채점하는 중", "Scoring"),
    "bench_phase_writing": ("저장하는 중", "Writing"),
    "bench_ahead": ("앞에 {n:,}개", "{n:,} ahead"),
    "bench_texts": ("{done:,} / {total:,}", "{done:,} / {total:,}"),
    "bench_speed": ("초당 {n:,.0f}개", "{n:,.0f} texts/s"),
    "bench_left": ("이 단계 약 {n:,.0f}초 남음", "{n:,.0f} s left in this phase"),
    "bench_done_of": ("{done:,} / {total:,} 완료", "{done:,} of {total:,} done"),
    "bench_ended": ("평가를 마쳤습니다. 결과 {n:,}개를 저장했습니다.", "Finished; {n:,} results are saved."),
    "bench_stopped": (
        "중지했습니다. 그때까지 끝난 결과 {n:,}개와 계산한 벡터는 남아 있어 다음에 다시 씁니다.",
        "Stopped. The {n:,} finished results and the vectors are kept and will be reused.",
    ),
    "bench_none": ("아직 결과가 없습니다.", "There are no results yet."),
    "bench_failed": ("실행하지 못한 항목", "What could not be run"),
    "bench_run_choice": ("표시할 실행", "Run shown"),
    "bench_run_shipped": ("기본 제공 결과 · {models} · {datasets}", "Shipped run · {models} · {datasets}"),
    "bench_run_saved": ("{date} UTC · {models} · {datasets}", "{date} UTC · {models} · {datasets}"),
    "bench_results": ("결과", "Results"),
    "bench_system": ("시스템", "System"),
    "bench_made_by": ("측정 환경", "Computed by"),
    "bench_kind_paper": ("공개값(논문)", "published (paper)"),
    "bench_kind_recovered": ("논문 표에서 복원한 값", "recovered from the paper"),
    "bench_kind_mteb": ("공개값(MTEB)", "published (MTEB)"),
    "bench_kind_run": ("이 실행", "this run"),
    "bench_kind_difference": (
        "차이: {system} − {model} 공개값(MTEB)",
        "difference: {system} − {model} published (MTEB)",
    ),
    "bench_percent": ("모든 값은 100을 곱한 것입니다.", "All values are times 100."),
    "bench_small": (
        "데이터셋이 작아(질의 {n:,}개) 질의 하나가 {step:.2f}점에 해당합니다. 작은 차이는 아래 쌍체 비교로 확인하세요.",
        "The dataset is small ({n:,} queries): one query is {step:.2f} points. Check small differences with "
        "the paired test below.",
    ),
    "bench_manifests": ("수치별 측정 기록", "The record behind every number"),
    "bench_m_model": ("모델", "Model"),
    "bench_m_prompts": ("접두사", "Prompts"),
    "bench_m_engine": ("엔진 · 정밀도 · 장치", "Engine · dtype · device"),
    "bench_m_data": ("데이터", "Data"),
    "bench_m_ties": ("동점 처리 규칙", "Ties"),
    "bench_m_versions": ("버전", "Versions"),
    "bench_m_date": ("날짜", "Date"),
    "bench_m_seconds": ("걸린 시간(초)", "Seconds"),
    "bench_m_texts": ("텍스트", "Texts"),
    "bench_m_texts_of": (
        "새로 {encoded:,} · 캐시 {cached:,} · 초당 {speed:,.0f}토큰 · 잘린 질의 {queries:,} · 잘린 문서 {documents:,}",
        "{encoded:,} encoded · {cached:,} from the cache · {speed:,.0f} tokens/s · {queries:,} queries and "
        "{documents:,} documents cut",
    ),
    "bench_m_problems": ("데이터 문제", "Problems of the data"),
    "bench_m_notes": ("알림", "Notes"),
    "bench_chart": ("막대그래프", "Bar chart"),
    "bench_paper": ("논문 표와 비교", "Beside the paper's table"),
    "bench_reference": ("비교할 공개 모델", "Published model to compare with"),
    "bench_average": ("평균", "Average"),
    "bench_no_suite": (
        "이 실행에는 논문의 세 데이터셋이 없어 공개값만 표시합니다. 위에서 데이터셋을 선택해 실행하면 나란히 "
        "볼 수 있습니다.",
        "This run has none of the paper's three datasets, so only published rows are shown. Run them above "
        "to see both.",
    ),
    "bench_note_title": (
        "AutoRAG 행을 그대로 비교할 수 없는 이유",
        "Why the AutoRAG row cannot be compared as it stands",
    ),
    "bench_note_values": (
        "논문에 실린 {model}의 값은 NDCG@1 {paper1}, NDCG@3 {paper3}입니다. 질의마다 정답이 하나면 NDCG@3은 "
        "NDCG@1보다 낮을 수 없으므로 두 값은 동시에 성립하지 않습니다.",
        "The paper has NDCG@1 {paper1} and NDCG@3 {paper3} for {model}. With one relevant document a query, "
        "NDCG@3 cannot be below NDCG@1: the two numbers cannot stand together.",
    ),
    "bench_note_cause": (
        "당시 AutoRAG 도구(v0.2.17 이전, 커밋 c8c536e7)는 코사인 거리를 내림차순으로 정렬해 상위 3개의 "
        "순서가 뒤집혔습니다. 그 표의 모델 {n_models}개 가운데 {n_fits}개는 뒤집어 읽어야만 재현율, mRR, "
        "NDCG가 모두 맞는 정수해가 나옵니다.",
        "The AutoRAG tool of that time (before v0.2.17, commit c8c536e7) sorted cosine distances in "
        "descending order, so its top-3 lists were reversed. For {n_fits} of the {n_models} models of that "
        "table the reversed reading is the only integer solution of its recall, mRR and NDCG columns.",
    ),
    "bench_note_recovered": (
        "질의 {queries}개 가운데 {model}의 정답이 실제 1·2·3위인 질의는 {at_1}·{at_2}·{at_3}개입니다. 바른 "
        "순서로 계산하면 NDCG@3은 {value}, 뒤집으면 논문에 실린 {reversed}이 됩니다.",
        "{model} has the answer at true rank 1, 2, 3 for {at_1}, {at_2}, {at_3} of {queries} queries. In "
        "order that gives NDCG@3 {value}; reversed it gives the printed {reversed}.",
    ),
    "bench_note_mteb": (
        "MTEB의 공개값은 NDCG@1 {mteb1}, NDCG@3 {mteb3}입니다. 남은 차이 {paper1} → {mteb1}은 그 실행이 "
        "접두사를 쓰지 않았기 때문으로 보입니다(증명된 것은 아닙니다).",
        "MTEB has NDCG@1 {mteb1} and NDCG@3 {mteb3}. The remaining {paper1} → {mteb1} likely comes from the "
        "prefixes, which that run did not set (not proved).",
    ),
    "bench_reversal": ("순서가 뒤집히면 어떻게 되나", "See the reversal happen"),
    "bench_reversal_lead": (
        "{model} · {dataset}의 질의 {n:,}개에서 상위 3개의 순서를 일부러 뒤집어 다시 채점했습니다.",
        "The top three of {model} on {dataset} ({n:,} queries), put in reversed order on purpose and scored again.",
    ),
    "bench_straight": ("바른 순서", "in order"),
    "bench_backwards": ("뒤집은 순서", "reversed"),
    "bench_below": (
        "뒤집으면 NDCG@3({reversed})이 NDCG@1({first})보다 낮아집니다. 논문의 AutoRAG 행과 같은 모양입니다.",
        "Reversed, NDCG@3 ({reversed}) falls below NDCG@1 ({first}): the shape of the paper's AutoRAG row.",
    ),
    "bench_not_below": (
        "뒤집은 NDCG@3은 {reversed}, NDCG@1은 {first}입니다. 여기서는 1위 정답이 3위 정답보다 충분히 많지 "
        "않아 더 낮아지지 않았습니다.",
        "Reversed, NDCG@3 is {reversed} and NDCG@1 {first}: hits at rank 1 do not outnumber those at rank 3 "
        "enough here.",
    ),
    "bench_example": ("한 질의의 상위 3개: {query}", "The top three of one query: {query}"),
    "bench_right": ("정답", "relevant"),
    "bench_published": ("공개된 모델과 비교", "Among the published models"),
    "bench_metric": ("지표", "Measure"),
    "bench_name": ("이름 검색", "Filter by name"),
    "bench_parameters": ("크기", "Size"),
    "bench_size_all": ("전체", "all"),
    "bench_size_small": ("1억 5천만 이하", "up to 150 M"),
    "bench_size_middle": ("1억 5천만–7억", "150–700 M"),
    "bench_size_large": ("7억 초과", "over 700 M"),
    "bench_placed": (
        "공개 결과 {n:,}개 중 {shown:,}개와 이 실행의 결과 {runs:,}개를 표시합니다.",
        "{shown:,} of {n:,} published results and {runs:,} of this run are drawn.",
    ),
    "bench_not_run": ("이 실행에는 {dataset} 결과가 없습니다.", "This run has no result on {dataset}."),
    "bench_legend_published": ("공개값", "published"),
    "bench_legend_reference": ("공개값 · {name}", "published · {name}"),
    "bench_legend_run": ("이 실행 (측정값)", "this run (measured)"),
    "bench_as_table": ("그래프를 표로 보기", "The chart as a table"),
    "bench_origin": ("출처", "Source"),
    "bench_value": ("값", "Value"),
    "bench_millions": ("{n:,.0f} M", "{n:,.0f} M"),
    "bench_look": ("쌍체 비교와 질의 탐색", "Paired comparison and queries"),
    "bench_a": ("A: 살펴볼 결과", "A: result to look at"),
    "bench_b": ("B: 같은 데이터의 다른 결과", "B: another result on the same data"),
    "bench_key": ("{model} · {dataset}", "{model} · {dataset}"),
    "bench_key_other": ("{model} · {dataset} · {run}", "{model} · {dataset} · {run}"),
    "bench_shipped": ("기본 제공", "shipped run"),
    "bench_comparison_of": (
        "A = {a}, B = {b} · {dataset} · 질의 {n:,}개 · 부트스트랩 95% 구간과 짝지은 무작위화 검정(양측)",
        "A = {a}, B = {b} · {dataset} · {n:,} queries · bootstrap 95% interval, paired randomization test (two-sided)",
    ),
    "bench_interval": ("95% 구간", "95% interval"),
    "bench_p": ("p값", "p-value"),
    "bench_wins": ("B 승 / 무 / 패", "B wins / ties / losses"),
    "bench_difference": ("B − A", "B − A"),
    "bench_verdict_noise": (
        "NDCG@10 차이 {difference}점은 우연과 구별되지 않습니다(p = {p}).",
        "The difference of {difference} points in NDCG@10 cannot be told from chance (p = {p}).",
    ),
    "bench_verdict_real": (
        "NDCG@10의 차이 {difference}점은 우연으로 보기 어렵습니다(p = {p}).",
        "The difference of {difference} points in NDCG@10 is unlikely to be chance (p = {p}).",
    ),
    "bench_movers": ("점수가 가장 많이 달라진 질의", "Queries that moved most"),
    "bench_query": ("질의", "Query"),
    "bench_no_other": ("같은 데이터로 측정한 다른 결과가 없습니다.", "There is no other result on the same data."),
    "bench_explorer": ("질의 탐색", "Query explorer"),
    "bench_which": ("표시할 질의", "Queries to show"),
    "bench_which_all": ("전체", "all"),
    "bench_which_wrong": ("틀린 질의만", "only the wrong ones"),
    "bench_counted": (
        "질의 {n:,}개 중 {wrong:,}개는 1위가 정답이 아닙니다.",
        "The first document is wrong for {wrong:,} of {n:,} queries.",
    ),
    "bench_query_choice": ("질의 선택", "Choose a query"),
    "bench_previous": ("이전", "Previous"),
    "bench_next": ("다음", "Next"),
    "bench_open": ("순위 탭에서 열기", "Open in the ranking tab"),
    "bench_query_line": ("NDCG@10 {ndcg} · 질의 토큰 {tokens}", "NDCG@10 {ndcg} · {tokens} query tokens"),
    "bench_query_line_plain": ("NDCG@10 {ndcg}", "NDCG@10 {ndcg}"),
    "bench_score": ("점수", "Score"),
    "bench_document": ("문서", "Document"),
    "bench_other_rank": ("B의 순위", "Rank in B"),
    "bench_gold_missed": ("10위 안에 들지 못한 정답", "Relevant documents outside the top ten"),
    "bench_at": ("{rank:,}위", "rank {rank:,}"),
    "bench_not_found": ("저장된 순위에 없음", "not among the ranks kept"),
    "bench_mteb_json": ("A를 MTEB JSON으로 저장", "Download A as MTEB JSON"),
    "bench_trec": ("A를 TREC 실행 파일로 저장", "Download A as TREC run"),
    "bench_csv": ("CSV 저장", "Download CSV"),
    "bench_markdown": ("Markdown 표 저장", "Download Markdown table"),
}


def t(key: str, language: Language, **values: object) -> str:
    """Return the text of `key` in `language` with `values` filled in.

    Raises:
        KeyError: If there is no such text, or a value that it needs is missing.
    """
    korean, english = TEXT[key]
    return (korean if language is Language.KO else english).format(**values)
