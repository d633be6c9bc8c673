// A worker with an engine, as an application would write it.
import { serve } from '@pagemind/core/host';

serve();
