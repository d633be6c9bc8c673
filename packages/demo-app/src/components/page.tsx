// The whole page: which of its faces is shown, and what works everywhere on it (dropping, pasting, the Escape key).
// Each part is a component of its own.
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { Composer } from './composer.js';
import { type Held, useDrop, usePaste } from './incoming.js';
import { QuantizeDialog } from './quantize-dialog.js';
import { SettingsPanel } from './settings-panel.js';
import { SketchPad } from './sketch-pad.js';
import { Stage } from './stage.js';
import { StatusBar } from './status-bar.js';
import { TopBar } from './top-bar.js';
import { Unsupported } from './unsupported.js';

export function Page(): VNode {
  const app = useApp();
  const held = useDrop();
  usePaste();
  useDocumentLanguage();
  useEscapeStops();
  const unsupported = app.unsupported.value;
  if (unsupported) return <Unsupported failure={unsupported} />;
  return (
    <>
      <TopBar />
      <Stage />
      {app.session.state.value.kind === 'ready' && <Composer />}
      <StatusBar />
      <SettingsPanel />
      {app.canQuantize.value && <QuantizeDialog />}
      {app.session.takesPictures.value && <SketchPad />}
      {held && <DropHint held={held} />}
    </>
  );
}

function DropHint({ held }: { readonly held: Held }): VNode {
  const { session } = useApp();
  const { model } = useText();
  return (
    <div class="drop-hint">
      <p>{held === 'pictures' && session.takesPictures.value ? model.dropPictureHere : model.dropHere}</p>
    </div>
  );
}

function useEscapeStops(): void {
  const { conversation } = useApp();
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => {
      // Where a list is open, Escape closes that.
      const isTaken = event.defaultPrevented || document.querySelector(':popover-open') !== null;
      if (event.key === 'Escape' && !isTaken) conversation.stop();
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, [conversation]);
}

function useDocumentLanguage(): void {
  const app = useApp();
  const language = app.language.value;
  const { tagline } = useText();
  useEffect(() => {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
    document.title = `Pagemind · ${tagline}`;
  }, [language, tagline]);
}
