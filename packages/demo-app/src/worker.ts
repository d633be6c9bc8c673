// The thread of the engine: GPU, tokenizer and scheduler live here, so that the page never waits for them.
import { serve } from '@pagemind/core/host';

serve();
