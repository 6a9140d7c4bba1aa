"""The built-in task patterns: cues that are features of the learned model, never votes.

Bytes are matched, caseless for ASCII only: other letters stand in both cases where it matters, and never
in a class. Hyperscan and `re` both take all of them (fastpath.matcher says what that means). A change here
changes the rows that the model was trained on: train it again.
"""

from __future__ import annotations

PATTERNS: tuple[tuple[str, str], ...] = (
    # code
    ("code_fence", r"^\s{0,8}```"),
    (
        "code_keyword",
        r"\b(?:def|class|function|fn|func|public|private|static|void|const|let|var|import|"
        r"return)\b\s+[a-z_]\w*\s*[(:=;{<]",
    ),
    ("code_brackets", r"[;{}]\s*$"),
    ("code_call", r"\b[a-z_]\w{1,40}\([^)\n]{0,80}\)"),
    (
        "code_path",
        r"\b[\w./-]{1,80}\.(?:py|js|ts|tsx|jsx|java|go|rs|rb|php|c|cc|cpp|h|cs|kt|swift|sh|sql|"
        r"ya?ml|toml|json|html|css|vue|tf|lua|scala|ex|md|ipynb)\b",
    ),
    ("code_identifier", r"\b[a-z]+_[a-z_]+\b|\b[a-z]+[A-Z]\w+\(\)|`[^`\n]{2,60}`"),
    (
        "code_shell",
        r"^\s{0,4}[$#>]\s\w|\b(?:git|docker|kubectl|npm|pip|curl|ssh|grep|sed|awk|chmod|"
        r"cron(?:tab)?|systemctl|terraform|ffmpeg|bash|powershell)\b",
    ),
    (
        "code_sql",
        r"\bselect\b.{1,200}\bfrom\b|\b(?:inner|left|outer) join\b|\bgroup by\b|\bcreate table\b|"
        r"\binsert into\b|\bsql\b",
    ),
    ("code_regex", r"\breg(?:ex|exp|ular expression)"),
    (
        "code_error",
        r"\b(?:traceback|exception|stack ?trace|segfault|undefined reference|nullpointer\w*|"
        "typeerror|valueerror|keyerror|syntaxerror|cannot find module|compil(?:e|er|ation) error|"
        r"exit code|panicked at)\b",
    ),
    (
        "code_language",
        r"\b(?:python|javascript|typescript|java|golang|rust|c\+\+|c#|kotlin|swift|ruby|php|"
        r"haskell|scala|perl|matlab|julia|lua|bash|html|css)\b",
    ),
    (
        "code_stack",
        r"\b(?:react|angular|vue|django|flask|fastapi|spring|rails|laravel|node(?:\.?js)?|express|"
        r"next\.?js|pandas|numpy|pytorch|tensorflow|postgres(?:ql)?|mysql|mongodb|redis|kafka|"
        r"kubernetes|k8s|nginx|aws|lambda|graphql|webpack|pytest|jest|excel|vba|google sheets?)\b",
    ),
    (
        "code_word",
        r"\b(?:code|script|function|method|endpoint|api|class|module|unit tests?|refactor|debug|"
        "compile|deploy|docker|dockerfile|repo|commit|branch|lint|loop|array|string|integer|"
        r"boolean|json|yaml|query|schema|bug|fix|implement|program|algorithm)\b",
    ),
    (
        "code_foreign",
        "代码|函数|脚本|编程|报错|コード|関数|スクリプト|코드|함수|스크립트|(?:К|к)од |(?:Ф|"
        "ф)ункци|(?:С|с)крипт|كود|دالة|código|función|función|função|fonction|funktion|funzione|"
        "codice|skript",
    ),
    (
        "code_html",
        "</?(?:div|span|html|body|p|a|table|tr|td|ul|li|head|script|button|input|"
        r"img)\b[^>\n]{0,200}>",
    ),
    (
        "code_agent",
        r"\b(?:rename|add a test|run the tests?|open a pr|pull request|migration|typecheck|"
        "ci (?:fails|failed|is red)|push(?:ed)? to|merge conflict|rebase|stack overflow|"
        r"changelog)\b",
    ),
    # math
    ("math_operator", r"\d\s{0,2}(?:[-+*/^=x]|×|÷|−)\s{0,2}\d"),
    (
        "math_tex",
        r"\$[^$\n]{1,200}\$|\\(?:frac|sqrt|sum|int|lim|begin|mathbb|cdot|leq|geq|left|alpha|"
        r"theta)\b|\\\(|\\\[",
    ),
    ("math_equation", r"\b[a-z]\s{0,2}(?:\^\s?\d|=\s?-?\d|[-+]\s?\d)|\b[fgh]\([a-z]\)"),
    (
        "math_word",
        r"\b(?:calculate|compute|solve|integral|derivative|differentiate|integrate|equation|"
        "polynomial|matrix|eigenvalue|determinant|probability|expected value|variance|"
        "standard deviation|percent(?:age)?|prime|modulo|factorial|logarithm|triangle|circle|"
        r"perimeter|area|volume|hypotenuse|remainder|divisible|converges?|sum of|product of)\b",
    ),
    (
        "math_proof",
        r"\b(?:prove|proof|show that|lemma|theorem|q\.e\.d|for all (?:real|integers?|positive)|"
        r"if and only if|determine all|find all)\b",
    ),
    ("math_amount", r"\bhow (?:many|much|long|far|old|fast)\b"),
    ("math_money", r"(?:[$]|€|£|¥|₹|₽)\s?\d|\d\s?(?:€|£|¥|₹|₽|元|円|원|руб|%|usd|eur)"),
    (
        "math_units",
        r"\b\d+(?:[.,]\d+)?\s?(?:kg|g|km|m|cm|mm|mi|miles?|ft|feet|inch(?:es)?|lbs?|oz|l|ml|h|"
        r"hours?|min(?:utes)?|mph|km/h|kwh|gb|mb|degrees?|cups?)\b",
    ),
    (
        "math_foreign",
        "计算|求|证明|方程|概率|多少|いくら|計算|確率|方程式|証明|何個|몇 |계산|확률|얼마|방정식|"
        "(?:В|в)ычисли|(?:Н|н)айди(?:те)? |(?:С|с)колько|(?:Д|д)окажи|(?:Р|р)еши|احسب|كم |cuánto|"
        "calcula|calcule|quanto|combien|calcul|berechne|wie viel|wieviel|ile |kaç |bao nhiêu|"
        "berapa|कितन",
    ),
    # translation
    ("translate_word", r"\btransl(?:at|it)\w*|\blocali[sz](?:e|ation)\b|\bsubtitles?\b"),
    (
        "translate_into",
        r"\b(?:in|into|to|auf|en|em|in het|ins|in|po|na)\s(?:english|french|spanish|german|"
        "italian|portuguese|russian|chinese|mandarin|japanese|korean|arabic|hindi|turkish|polish|"
        "dutch|swedish|greek|latin|hebrew|vietnamese|thai|indonesian|ukrainian|czech|swahili|"
        r"deutsch|englisch|franz\w+|ingl\w+|anglais|español|fran\w+|italiano|espagnol|allemand|"
        r"alem\w+|niemiecki|angielski|engels|almanca|ingilizce)\b",
    ),
    (
        "translate_say",
        r"\bhow (?:do|would|can) (?:you|i|we|one) (?:say|write|spell)\b|\bwhat(?:'s|"
        r" is) .{1,60} in [A-Z]?\w+\?",
    ),
    (
        "translate_foreign",
        "翻译|译成|翻譯|譯成|翻成|訳して|翻訳|訳し|英語で|英語に|日本語に|번역|영어로|옮겨|(?:П|"
        "п)ерев(?:е|о)д|по-английски|на английский|ترجم|بالإنجليزية|traduc|traduz|tradui|traduzi|"
        "tradur|übersetz|vertaal|przetłumacz|çevir|dịch |terjemah|अनुवाद|แปล",
    ),
    ("translate_quote", r":\s{0,3}(?:\x22|'|«|„|“|「)"),
    # summaries
    (
        "summary_word",
        r"\bsummar(?:y|ies|i[sz]e|i[sz]ing)\b|\btl;?dr\b|\bcondense\b|\bshorten (?:this|it)\b|"
        r"\brecap\b|\bgist\b|\bkey (?:points|takeaways)\b|\bin (?:one|two|three|1|2|3|"
        r"a few) (?:sentences?|bullets?|lines?)\b|\bboil\b.{0,20}\bdown\b|\bminutes\b|\babstract\b",
    ),
    (
        "summary_foreign",
        "总结|摘要|概括|總結|要約|まとめ|要点|요약|정리해|(?:К|к)ратк|(?:С|с)уть|резюм|(?:П|"
        "п)ереска|لخص|ملخص|تلخيص|resum|résum|riassu|zusammenfass|fass .{0,40}zusammen|"
        "kurzfassung|samenvat|streszcz|podsumuj|özet|tóm tắt|ringkas|rangkum|सारांश|สรุป",
    ),
    # extraction
    (
        "extract_word",
        r"\bextract\b|\bclassif(?:y|ication)\b|\bcategori[sz]e\b|\bsentiment\b|\bparse\b|"
        r"\blabel\b|\btag (?:each|the|this)\b|\bpull (?:out|all|the)\b|\blist (?:all|every|"
        r"the) .{0,40}(?:mentioned|in (?:the|this))|\bentit(?:y|ies)\b|\bas (?:json|csv|"
        r"a table)\b|\binto (?:json|csv|a table|columns|yaml)\b|\bpositive,? (?:or )?negative|"
        r"\bneutral\b",
    ),
    (
        "extract_context",
        r"\b(?:according to|based on|from) (?:the|this) (?:text|passage|article|email|above|below|"
        r"document|paragraph|table|message|review|context)\b|\bthe following (?:text|passage|"
        r"article|email|paragraph|review|message|sentence|table)\b",
    ),
    (
        "extract_foreign",
        "提取|抽取|分类|情感|整理成|表格|抽出|分類|表に|추출|분류|표로|뽑아|(?:И|и)звлек|(?:В|"
        "в)ыпиши|классифиц|استخرج|صنف|extra(?:e|i|y)|extrah|klassifizier|clasifica|classe |"
        "classifi|wyodrębnij|wypisz|çıkar|trích|ekstrak|निकाल",
    ),
    (
        "extract_schema",
        r"\x22[a-z_]{1,40}\x22\s?:|\b(?:json|csv|xml|keys?|fields?|columns?)\b.{0,30}:|"
        r"\{\s?[a-z_]+\s?,",
    ),
    ("table_rows", r"^[^\n|]{0,80}\|[^\n|]{1,80}\||^[^,\n]{1,40},[^,\n]{1,40},[^,\n]{1,40},"),
    ("mail_headers", r"^(?:from|to|subject|date|von|betreff|de|asunto|objet)\s?:"),
    ("chat_log", r"^\[?\d{1,2}:\d{2}\]?|^[A-Z]?\w{1,14}: .{1,300}\n\w{1,14}: "),
    # new writing
    (
        "write_verb",
        r"\b(?:write|draft|compose|craft|create|invent|come up with|make up|pen)\b\s(?:me |us |a |"
        r"an |the |some |\d+ |up )",
    ),
    (
        "write_form",
        r"\b(?:story|stories|poem|haiku|sonnet|limerick|lyrics|song|rap|verse|dialogue|monologue|"
        "scene|screenplay|novel|chapter|fairy ?tale|fable|essay|speech|toast|eulogy|blog post|"
        "article|ad|advert(?:isement)?|slogan|tagline|caption|tweet|newsletter|press release|"
        r"cover letter|bio|obituary|villanelle|joke|riddle|pun|names?)\b",
    ),
    (
        "write_mail",
        r"\b(?:e-?mail|letter|message|text|note|reply|invitation|post|announcement|"
        r"description)\b.{0,20}\b(?:to|for|about|saying|asking|telling)\b",
    ),
    (
        "write_role",
        r"\b(?:act as|pretend|role-?play|you are (?:a|an|my|the|now)|stay in character|"
        r"i want you to act|imagine you|in the (?:style|voice) of|persona)\b",
    ),
    ("write_count", r"\b\d{2,4}[- ]?words?\b|\b\d{2,4}\s?字"),
    (
        "write_foreign",
        "写一|写个|写封|作文|小说|故事|诗|文案|寫一|詩|物語|書いて|小説|俳句|작성해|써줘|소설|"
        "이야기|시를|(?:Н|н)апиши|(?:П|п)ридумай|(?:С|с)очини|стих|рассказ|اكتب|قصة|قصيدة|escrib|"
        "cuento|poema|história|escreva|escreve|écri|rédige|histoire|poème|scrivi|poesia|racconto|"
        "schreib|gedicht|geschichte|schrijf|napisz|wiersz|şiir|yaz |viết|tulis|कविता|लिख|कहानी|"
        "เขียน",
    ),
    # analysis
    (
        "reason_word",
        r"\b(?:analy[sz]e|analysis|evaluate|assess|compare|trade-?offs?|pros and cons|strategy|"
        r"design|architect(?:ure)?|diagnos\w+|root cause|implications?|critique|argue|arguments?|"
        r"framework|roadmap|plan|weigh|justify|hypothes[ie]s|should (?:we|i))\b",
    ),
    (
        "reason_puzzle",
        r"\b(?:puzzle|knights? and knaves|liar|truth-?teller|exactly one|at least one of|"
        "who (?:is|owns|lives|sits)|left of|right of|either .{1,40} or|must be true|deduce|"
        r"logic(?:al|ally)?|cannot be determined|step by step)\b",
    ),
    (
        "reason_why",
        r"\b(?:why (?:did|does|do|is|are|would|might|has|have)|what (?:would happen|explains|"
        r"caused|is driving)|how would you)\b",
    ),
    (
        "reason_foreign",
        "分析|比较|方案|策略|设计|评估|利弊|為什麼|为什么|比較|検討|設計|戦略|분석|비교|전략|"
        "설계|(?:А|а)нализ|(?:С|с)равни|(?:О|о)цени|стратеги|почему|حلل|تحليل|قارن|analiz|analys|"
        "anális|compar|vergleich|bewert|confront|valut|porówn|karşılaştır|phân tích|so sánh|"
        "bandingkan|विश्लेषण",
    ),
    (
        "reason_constraints",
        r"\b(?:budget|deadline|headcount|constraints?|stakeholders?|quarter|q[1-4]|revenue|churn|"
        r"compliance|gdpr|liability|contract|clause|patients?|symptoms?|dose|mg)\b",
    ),
    # facts
    (
        "fact_question",
        r"^\s{0,4}(?:so |ok |hey |hi,? )?(?:who|what|when|where|which|whose|is|are|does|do|did|"
        r"can|was|were)\b.{1,160}\?\s{0,4}$",
    ),
    (
        "fact_word",
        r"\b(?:what (?:is|are|was|were|does|do)|what's|whats|who (?:was|is|wrote|invented|won)|"
        "when (?:did|was|is)|where (?:is|was|are)|which (?:year|country|planet|city)|define|"
        "definition|meaning of|capital of|stand for|difference between|explain|eli5|"
        r"true or false)\b",
    ),
    ("fact_choice", r"^\s{0,4}\(?[A-D1-4][.):]\s"),
    (
        "fact_foreign",
        "什么是|是什么|谁|哪|什麼|何ですか|とは|誰|いつ|どこ|뭐야|무엇|누구|언제|어디|(?:Ч|"
        "ч)то такое|(?:К|к)то |(?:К|к)огда|(?:Г|г)де |ما هو|ما هي|من هو|متى|qué es|quién|cuándo|"
        "o que é|quem|quando|qu'est-ce|c'est quoi|quand|che cos|cos'è|chi |was ist|was bedeutet|"
        "wer |wann|wat is|wie is|co to|kto |kiedy|nedir|kim |là gì|apa itu|siapa|क्या है|कौन|"
        "คืออะไร",
    ),
    # the rest: advice, rewriting, small talk, the assistant itself
    (
        "edit_word",
        r"\b(?:rewrite|rephrase|reword|paraphrase|proof-?read|edit|polish|improve|correct|"
        "fix (?:the|my|any) (?:grammar|spelling|typos)|grammar|make (?:this|it) (?:sound|more|"
        r"less|shorter|longer|friendlier|formal)|tone|more formal|less formal)\b",
    ),
    (
        "edit_foreign",
        "润色|改写|修改|改得|语气|潤色|直して|添削|丁寧に|다듬|고쳐|교정|(?:П|п)ерепиши|(?:И|"
        "и)справ|صحح|أعد صياغة|corrig|corrij|reescri|reescre|reformul|verbesser|umformulier|"
        "korrigier|verbeter|popraw|düzelt|sửa |perbaiki|सुधार",
    ),
    (
        "advice_word",
        r"\b(?:recommend|suggest(?:ions?)?|advice|tips|ideas?|best way|what should|should i|"
        "how (?:can|do|should|to) |brainstorm|help me|gift|itinerary|recipe|workout|routine|"
        r"any good|which one)\b",
    ),
    (
        "advice_foreign",
        "推荐|建议|怎么办|怎么|如何|推薦|建議|おすすめ|アドバイス|どうすれば|추천|조언|어떻게|"
        "방법|(?:П|п)осовету|(?:К|к)ак |совет|идеи|كيف|نصيح|اقترح|recom|consej|consig|cómo|como |"
        "conseil|comment |idée|consigli|come |idee|empfehl|tipps|wie kann|wie mache|tips |jak |"
        "polec|öner|nasıl|làm sao|gợi ý|bagaimana|saran|कैसे|सुझाव",
    ),
    (
        "chat_greeting",
        r"^\s{0,4}(?:hi|hello|hey|yo|thanks|thank you|thx|good (?:morning|evening|night)|lol|ok|"
        r"okay|yes|no|sure|cool|great|bye)\b.{0,40}$",
    ),
    (
        "chat_feeling",
        r"\b(?:i feel|i'm (?:so|really|feeling)|im (?:so|really)|my (?:boss|girlfriend|boyfriend|"
        r"wife|husband|mom|dad|friend|cat|dog|kid|daughter|son))\b",
    ),
    (
        "chat_assistant",
        r"\b(?:are you|can you|do you|your (?:name|training|favou?rite|memory)|who made you|"
        r"chatgpt|which model|as an ai)\b",
    ),
    (
        "follow_up",
        r"\b(?:now|again|instead|also|same|another|one more|shorter|longer|the (?:first|second|"
        r"third|last) one|that one|go on|continue|do it|yes please)\b",
    ),
    (
        "please",
        r"\b(?:please|pls|plz|kindly|bitte|por favor|s'il (?:te|vous) pla|per favore|proszę)\b|请|"
        "请|ください|お願い|주세요|(?:П|п)ожалуйста|من فضلك",
    ),
    # how the text looks
    ("look_list", r"^\s{0,4}(?:[-*]|•|\d{1,2}[.)])\s"),
    ("look_url", r"\bhttps?://"),
    ("look_quoted", r"\x22[^\x22\n]{30,}\x22|“|「|«|^>"),
    ("look_colon_end", r":\s{0,2}$"),
    ("look_paragraphs", r"\n\s{0,4}\n\s{0,4}\S.{60,}"),
    ("look_date", r"\b(?:19|20)\d\d\b"),
    ("look_two_questions", r"\?.{1,600}\?|？.{1,300}？"),
    # scripts
    ("script_cyrillic", r"[\xd0\xd1][\x80-\xbf]"),
    ("script_han", r"[\xe4-\xe9][\x80-\xbf][\x80-\xbf]"),
    ("script_kana", r"\xe3[\x81-\x83][\x80-\xbf]"),
    ("script_hangul", r"[\xea-\xed][\x80-\xbf][\x80-\xbf]"),
    ("script_arabic", r"[\xd8-\xdb][\x80-\xbf]"),
    ("script_indic", r"\xe0[\xa4-\xaf][\x80-\xbf]"),
    ("script_latin", "[a-z]{3}"),
)
