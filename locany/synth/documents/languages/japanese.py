"""Japanese."""

from __future__ import annotations

from locany.synth.documents.languages.lexicon import Lexicon, listed, paired

LEXICON = Lexicon(
    code="ja",
    script="japanese",
    patterns=(
        "{t}、{s}は{o}を{v}。",
        "{s}は{o}を{v}。",
        "{s}が{o}を{v}ため、{s}は{o}を{v}。",
        "{s}は{t}{o}を{v}。",
        "{s}は{o}を{v}が、{s}は{o}を{v}。",
    ),
    subjects=listed("""
委員会; 新しい測定方法; この手順; 契約書; 研究グループ; 装置; 年次報告書; この地域; 簡単なモデル
お客様; 技術部; 博物館; 川; 道路; この建物; 図書館; オーケストラ; 試料; 結果; 市役所; この会社; 庭園
小さな工場; ネットワーク; 二回目の実験
"""),
    verbs=listed("""
説明する; 支援する; 改善する; 制限する; 変更する; 保護する; 確認する; 比較する; 補足する; 必要とする
準備する; 分離する; 評価する; 含む; 接続する; 測定する; 紹介する; 検査する
"""),
    objects=listed("""
委員会の意見; 新しい測定; この過程; 契約; 作業場; 信頼できる装置; 報告書; 地域全体; 簡単なモデル
お客様の要望; 博物館; 広い道路; 建物; 時間割; 資料; 図書館; 規則; 別の結果; 年間予算; 外側の部品
試料; 最初の段階; 公共ネットワーク; 水質
"""),
    tails=listed(
        "第一四半期に; 夏の間; 年末に; 数週間にわたり; 多くの場合; 会議の後; 締め切り前に; 室温で; "
        "二つの町の間で; 毎週"
    ),
    openers=(),
    titles=listed("{a}と{b}; {a}の研究; {a}、{b}および{c}; {a}について; {a}から{b}へ; {a}の基礎"),
    terms=listed("""
エネルギー貯蔵; 水質; 公共交通; データ分析; 機械学習; 熱伝導; 都市計画; 製品設計; 顧客サービス
リスク評価; 供給網; 画像処理; 食品安全; 市場の成長; 信号検出; 太陽光発電; 品質管理; 事業費; 土壌水分
ネットワーク; 社員研修; 風速; 旅費; 材料試験; 事務用品; 建物の保守; 純収益; 為替レート; 騒音
"""),
    headings=listed("""
はじめに; 背景; 方法; 材料; 結果; 考察; 結論; データ; 実験; 概要; 定義; 要件; 評価; 今後の課題; 安全
保守; 目的; 提言
"""),
    labels=paired("""
abstract: 要旨; keywords: キーワード; figure: 図; table: 表; references: 参考文献; by: 著者
invoice: 請求書; number: 番号; date: 日付; due: 支払期限; bill_to: 請求先; ship_to: 送付先
description: 品名; quantity: 数量; price: 単価; amount: 金額; subtotal: 小計; tax: 消費税
total: 合計; thanks: ありがとうございました。; bank: 銀行; account: 口座
terms: 三十日以内にお支払いください。; dear: 拝啓; regards: 敬具; subject: 件名; form: 申込書
signature: 署名; place: 場所; please: 楷書でご記入ください。; office: 事務用欄; receipt: 領収書
cash: 現金; change: お釣り; card: カード; statement: 取引明細書; balance: 残高; opening: 前回残高
closing: 今回残高; debit: 出金; credit: 入金; chapter: 章; warning: 警告; note: 注意; skills: 技能
experience: 職歴; education: 学歴; profile: 自己紹介; menu: お品書き; starters: 前菜; mains: 主菜
desserts: デザート; drinks: 飲み物; features: 特長; parameter: 項目; minimum: 最小; typical: 標準
maximum: 最大; unit: 単位; report: 報告書; manual: 取扱説明書; confidential: 社外秘; volume: 巻
admission: 入場無料; today: 新聞
"""),
    items=listed("""
電気スタンド; ノート; コピー用紙; 事務椅子; ケーブル; ボールペン; 浄水器; コーヒー豆; ホース; 工具箱
掛け時計; 絵筆; 電球; 石けん; オレンジジュース; 食パン; 牛乳; りんご; お米; 配送; 設置作業
年間ライセンス; 相談料; 修理; 講習会
"""),
    dishes=listed("""
味噌汁; 海藻サラダ; 枝豆; 冷や奴; 焼き鮭; 鶏の唐揚げ; 天ぷらそば; 牛丼; あんみつ; 抹茶アイス
りんごのタルト; プリン; 緑茶; 麦茶; オレンジジュース; 炭酸水
"""),
    first_names=listed("太郎; 花子; 健; 美咲; 翔太; 陽子; 直樹; 恵; 大輔; さくら; 誠; 由美"),
    last_names=listed("佐藤; 鈴木; 高橋; 田中; 伊藤; 渡辺; 山本; 中村; 小林; 加藤; 吉田; 山口"),
    streets=listed("中央通り; 駅前; 公園町; 桜町; 川端通り; 本町; 緑が丘"),
    cities=listed("新川市; 東山市; 青葉市; 南原市; 白浜町; 大橋町; 平和市"),
    firms=listed("{n}商事; {n}製作所; {n}運輸; 株式会社{n}; {n}出版"),
    months=listed("一月; 二月; 三月; 四月; 五月; 六月; 七月; 八月; 九月; 十月; 十一月; 十二月"),
    fields=listed(
        "姓; 名; 生年月日; 住所; 市区町村; 国; 電話番号; メール; 職業; 勤務先; 口座番号; "
        "会員番号; 受付番号; 備考"
    ),
    money="¥{x}",
    money_places=0,
    date=("{y}年{n}月{d}日", "{y}/{n}/{p}"),
    space="",
)
