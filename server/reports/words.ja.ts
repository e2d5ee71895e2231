/** Headings and names of figures in reports, as they are kept, in Japanese. */
const words: Record<string, string> = {
  performance: '性能レポート',
  'log analysis': 'ログ分析レポート',
  capacity: '容量計画レポート',
  'update check': 'アップデートの確認',

  Usage: '利用状況',
  Searches: '検索回数',
  Requests: 'リクエスト数',
  'Passages taken in': '取り込んだ文章',
  Documents: '文書数',
  'Alerts raised': '発生したアラート',
  'Time and load': '応答時間と負荷',
  'Search p50, ms': '検索 p50、ミリ秒',
  'Search p95, ms': '検索 p95、ミリ秒',
  'Request p95, ms': 'リクエスト p95、ミリ秒',
  'Error share': 'エラー率',
  'Processor share': 'CPU 使用率',
  'Memory of our processes, bytes': 'プロセスのメモリ、バイト',
  'Disk in use, share': 'ディスク使用率',
  mean: '平均',
  highest: '最大',
  'Cache, since the start': 'キャッシュ（起動から）',
  search: '検索',
  embedding: '埋め込み',
  metadata: 'メタデータ',
  'share of hits': '命中率',

  Jobs: 'ジョブ',
  INGEST: '取り込み',
  DELETE: '削除',
  REPROCESS: '再処理',
  REEMBED: '再埋め込み',
  REFINE: '索引の仕上げ',
  CLEAR_REVISION: '旧版の消去',
  CLEAR_CHUNKING: '以前のチャンクの消去',
  MAINTENANCE: 'メンテナンス',
  SCHEDULE: '定期実行',
  BACKUP: 'バックアップ',
  GOLDEN: '検索の採点',
  queued: '待機中',
  running: '実行中',
  succeeded: '成功',
  failed: '失敗',
  cancelled: '取り消し',

  'Search p95': '検索 p95',
  'Searches a second': '毎秒の検索回数',
  Processor: 'CPU',
  'Memory of our processes': 'プロセスのメモリ',

  'Lines by level': 'レベル別の行数',
  'Commonest warnings and errors': '多かった警告とエラー',
  'Warnings and errors a day': '1 日ごとの警告とエラー',

  'What the data takes, bytes': 'データの大きさ、バイト',
  database: 'データベース',
  originals: '原本',
  logs: 'ログ',
  models: 'モデル',
  tmp: '一時ファイル',
  backups: 'バックアップ',
  'set-aside': '復元前のデータ',
  'originals-altered': '変わっていた原本',
  restore: '復元の準備',
  Disk: 'ディスク',
  'Free, bytes': '空き、バイト',
  'Shrinks by, bytes a day': '1 日に減る量、バイト',
  'Full at this rate': '満杯になる見込み',
  'not to be foreseen': '予測できません',
  'Free space': '空き容量',
  Passages: '文章数',

  Updates: 'アップデート',
  Version: '現在の版',
  Newest: '最新の版',
  'not asked: UPDATE_CHECK_URL is not set': '確認していません（UPDATE_CHECK_URL が未設定）',

  share: '割合',
  bytes: 'バイト',
  ms: 'ミリ秒',
  '1/s': '回/秒',
};

/** What is not one phrase is one with a qualification: "Error share, mean". Anything else stays as it is. */
export function inJapanese(text: string): string {
  const whole = words[text];
  if (whole !== undefined) return whole;
  const comma = text.lastIndexOf(', ');
  const [name, of] = [words[text.slice(0, comma)], words[text.slice(comma + 2)]];
  return comma > 0 && name !== undefined && of !== undefined ? `${name}（${of}）` : text;
}
