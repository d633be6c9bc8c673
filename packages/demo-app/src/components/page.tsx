// The whole page: which of its faces is shown, and what works everywhere on it (dropping a folder, the Escape key).
// Each part is a component of its own.
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useApp, useText } from '../app-context.js';
import { droppedModel } from '../text/dropped-model.js';
import { Composer } from './composer.js';
import { SettingsPanel } from './settings-panel.js';
import { Stage } from './stage.js';
import { StatusBar } from './status-bar.js';
import { TopBar } from './top-bar.js';
import { Unsupported } from './unsupported.js';

export function Page(): VNode {
  const app = useApp();
  const isDropping = useFolderDrop();
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
      {isDropping && <DropHint />}
    </>
  );
}

function DropHint(): VNode {
  const text = useText();
  return (
    <div class="drop-hint">
      <p>{text.model.dropHere}</p>
    </div>
  );
}

/** Loads what is dropped anywhere on the page; true while something is held over it. */
function useFolderDrop(): boolean {
  const app = useApp();
  const [isDropping, setDropping] = useState(false);
  // Entering a child comes before leaving its parent, so entries are counted.
  const numEntered = useRef(0);
  useEffect(() => {
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
    const count = (change: number) => (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      numEntered.current += change;
      setDropping(numEntered.current > 0);
    };
    const over = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault();
    };
    const drop = async (event: DragEvent): Promise<void> => {
      if (!event.dataTransfer || !hasFiles(event)) return;
      event.preventDefault();
      numEntered.current = 0;
      setDropping(false);
      const choice = await droppedModel(event.dataTransfer);
      if (choice) await app.open(choice);
    };
    const [enter, leave] = [count(1), count(-1)];
    const listeners = { dragenter: enter, dragleave: leave, dragover: over, drop };
    for (const [type, listener] of Object.entries(listeners)) addEventListener(type, listener as EventListener);
    return () => {
      for (const [type, listener] of Object.entries(listeners)) removeEventListener(type, listener as EventListener);
    };
  }, [app]);
  return isDropping;
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
