// Devices that can bind less than this machine's: what large models meet, at the size of the goldens.

/** A GPU whose devices bind no more than so many bytes of a buffer. */
export function withLimit(gpu: GPU | undefined, maxStorageBufferBindingSize: number): GPU {
  const requestAdapter = async (options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
    const adapter = await gpu?.requestAdapter(options);
    if (!adapter) return null;
    const requestDevice = async (descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> => {
      const device = await adapter.requestDevice(descriptor);
      const limits = new Proxy(device.limits, {
        get: (own, name) =>
          name === 'maxStorageBufferBindingSize' ? maxStorageBufferBindingSize : Reflect.get(own, name),
      });
      return Object.defineProperty(device, 'limits', { value: limits });
    };
    return new Proxy(adapter, {
      get: (own, name) => (name === 'requestDevice' ? requestDevice : Reflect.get(own, name)),
    });
  };
  return { requestAdapter } as GPU;
}
