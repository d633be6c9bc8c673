// Library build; the shared settings are in tools/setup/library.ts.
import { library } from '../../tools/setup/library.ts';

export default library(import.meta.url, ['index', 'client', 'host', 'node']);
