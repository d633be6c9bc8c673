declare module '*.wgsl' {
  const module: import('@pagemind/quant').WgslModule;
  export default module;
}
