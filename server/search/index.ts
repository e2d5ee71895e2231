export { KeptAnswers } from './kept-answers.js';
export { SearchMeter, type SearchRates } from './search-meter.js';
export { SearchResolver } from './search.resolver.js';
export { SearchService } from './search.service.js';
