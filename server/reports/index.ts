export { sizesOf } from './data-sizes.js';
export { ReportEntity, type ReportKind } from './report.entity.js';
export { reportRoute } from './report-page.js';
export { ReportsResolver } from './reports.resolver.js';
export { ReportsService } from './reports.service.js';
