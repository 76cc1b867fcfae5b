"""Chinese, in simplified characters."""

from __future__ import annotations

from locany.synth.documents.languages.lexicon import Lexicon, listed, paired

LEXICON = Lexicon(
    code="zh",
    script="chinese",
    patterns=(
        "{t}，{s}{v}{o}。",
        "{s}{v}{o}。",
        "{s}{v}{o}，而{s}{v}{o}。",
        "因为{s}{v}{o}，所以{s}{v}{o}。",
        "虽然{s}{v}{o}，但是{s}{t}{v}{o}。",
    ),
    subjects=listed("""
委员会; 新的测量方法; 该程序; 这份合同; 研究小组; 仪器; 年度报告; 该地区; 简单的模型; 客户; 技术部门
博物馆; 河流; 公路; 这座建筑; 供应商; 图书馆; 乐团; 邻居; 样品; 结果; 市政府; 这家公司; 花园
小型工厂; 本地网络; 第二次实验; 项目
"""),
    verbs=listed("""
描述了; 支持; 取代了; 改善了; 限制了; 说明了; 达到了; 改变了; 保护了; 检查了; 介绍了; 比较了; 确认了
补充了; 收到了; 需要; 超过了; 准备了; 分开了; 减少了; 评估了; 包含; 连接了
"""),
    objects=listed("""
委员会的意见; 新的测量; 这个过程; 合同; 工作室; 可靠的仪器; 报告; 整个地区; 简单的模型; 客户的要求
博物馆; 河流; 宽阔的公路; 建筑; 时间表; 档案; 图书馆; 规定; 另一个结果; 年度预算; 外部零件; 样品
第一步; 公共网络; 电气设备; 水质
"""),
    tails=listed("""
第一季度; 夏季; 年底; 几个星期以来; 多数情况下; 会议之后; 截止日期之前; 室温下; 两座城市之间; 实践中
每个星期
"""),
    openers=(),
    titles=listed("{a}与{b}; {a}的研究; {a}、{b}和{c}; 关于{a}的说明; 从{a}到{b}; {a}概论"),
    terms=listed("""
能源储存; 水质监测; 公共交通; 数据分析; 机器学习; 热传导; 城市规划; 产品设计; 客户服务; 风险评估
供应链; 图像处理; 食品安全; 市场增长; 信号检测; 太阳能; 质量控制; 项目成本; 土壤湿度; 网络安全
员工培训; 风速; 差旅费用; 材料测试; 办公用品; 建筑维护; 净收入; 汇率; 噪声水平
"""),
    headings=listed("""
引言; 背景; 研究方法; 材料; 结果; 讨论; 结论; 数据; 实验; 概述; 定义; 要求; 评估; 局限性; 展望; 安全
维护; 目标; 建议; 总则
"""),
    labels=paired("""
abstract: 摘要; keywords: 关键词; figure: 图; table: 表; references: 参考文献; by: 作者
invoice: 发票; number: 编号; date: 日期; due: 付款期限; bill_to: 付款方; ship_to: 收货方
description: 名称; quantity: 数量; price: 单价; amount: 金额; subtotal: 小计; tax: 税额; total: 合计
thanks: 谢谢惠顾。; bank: 开户银行; account: 账户; terms: 请在三十天内付款。; dear: 尊敬的
regards: 此致敬礼; subject: 主题; form: 申请表; signature: 签名; place: 地点; please: 请用正楷填写。
office: 内部使用; receipt: 收据; cash: 现金; change: 找零; card: 银行卡; statement: 账户对账单
balance: 余额; opening: 期初余额; closing: 期末余额; debit: 支出; credit: 收入; chapter: 章节
warning: 警告; note: 注意; skills: 技能; experience: 工作经历; education: 教育背景
profile: 个人简介; menu: 菜单; starters: 前菜; mains: 主菜; desserts: 甜点; drinks: 饮料
features: 特点; parameter: 参数; minimum: 最小; typical: 典型; maximum: 最大; unit: 单位
report: 报告; manual: 使用手册; confidential: 机密; volume: 卷; admission: 免费入场; today: 日报
"""),
    items=listed("""
台灯; 笔记本; 打印纸; 办公椅; 数据线; 圆珠笔; 滤水器; 咖啡豆; 水管; 工具箱; 挂钟; 画笔; 灯泡; 肥皂
橙汁; 面包; 牛奶; 苹果; 大米; 送货服务; 安装; 年度许可; 咨询; 维修; 培训课程
"""),
    dishes=listed("""
番茄汤; 凉拌黄瓜; 春卷; 豆腐羹; 清蒸鱼; 红烧牛肉; 宫保鸡丁; 蘑菇炒饭; 苹果派; 红豆汤圆; 香草冰淇淋
水果拼盘; 绿茶; 豆浆; 鲜榨橙汁; 苏打水
"""),
    first_names=listed("伟; 芳; 娜; 敏; 静; 磊; 洋; 艳; 勇; 杰; 小明; 文华; 建国; 丽华"),
    last_names=listed("王; 李; 张; 刘; 陈; 杨; 赵; 黄; 周; 吴; 徐; 孙"),
    streets=listed("人民路; 中山大道; 公园街; 建设路; 河滨路; 学院路; 和平街"),
    cities=listed("新城市; 东河市; 青山市; 南湖市; 白石镇; 长桥镇; 平安市"),
    firms=listed("{n}氏贸易公司; {n}记仪器厂; {n}氏物流; {n}氏传媒集团; {n}氏出版社"),
    months=listed("一月; 二月; 三月; 四月; 五月; 六月; 七月; 八月; 九月; 十月; 十一月; 十二月"),
    fields=listed(
        "姓; 名; 出生日期; 街道; 城市; 国家; 电话; 电子邮件; 职业; 工作单位; 账号; 会员号; 参考号; 备注"
    ),
    money="¥{x}",
    date=("{y}年{n}月{d}日", "{y}-{n}-{p}"),
    space="",
)
