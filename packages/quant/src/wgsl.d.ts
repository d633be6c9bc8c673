declare module '*.wgsl' {
  const module: import('./wgsl-module.js').WgslModule;
  export default module;
}
