// Stands in for Chromium's libvk_swiftshader.so on test machines: passes every Vulkan call on to Mesa's lavapipe and
// gives the device SwiftShader's identity, the only CPU device that Chromium accepts. Nothing else is changed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef void (*Function)(void);
typedef Function (*GetProcAddr)(void *instance, const char *name);

enum {
  VENDOR_GOOGLE = 0x1AE0,
  DEVICE_SWIFTSHADER = 0xC0DE,
  DRIVER_SWIFTSHADER = 10,               // VK_DRIVER_ID_GOOGLE_SWIFTSHADER
  TYPE_DRIVER_PROPERTIES = 1000196000,   // VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES
  ICD_INTERFACE_VERSION = 5,
};

// The first members of VkPhysicalDeviceProperties.
typedef struct {
  uint32_t api_version, driver_version, vendor_id, device_id;
} Properties;

// VkBaseOutStructure with the first member of the structures that are changed here.
typedef struct Chained {
  uint32_t type;
  struct Chained *next;
  union {
    uint32_t driver_id;      // VkPhysicalDeviceDriverProperties
    Properties properties;   // VkPhysicalDeviceProperties2
  };
} Chained;

static GetProcAddr lavapipe(void) {
  static GetProcAddr get_proc_addr;
  if (get_proc_addr) return get_proc_addr;
  void *driver = dlopen(LAVAPIPE_DRIVER, RTLD_NOW | RTLD_LOCAL);
  if (!driver) return NULL;
  int (*negotiate)(uint32_t *) = dlsym(driver, "vk_icdNegotiateLoaderICDInterfaceVersion");
  uint32_t version = ICD_INTERFACE_VERSION;
  if (negotiate) negotiate(&version);
  return get_proc_addr = (GetProcAddr)dlsym(driver, "vk_icdGetInstanceProcAddr");
}

// The wrapped functions get no instance, so the last one that asked for them is remembered.
static void *last_instance;

static void disguise(Properties *properties) {
  properties->vendor_id = VENDOR_GOOGLE;
  properties->device_id = DEVICE_SWIFTSHADER;
}

static void get_properties(void *device, Properties *properties) {
  ((void (*)(void *, Properties *))lavapipe()(last_instance, "vkGetPhysicalDeviceProperties"))(device, properties);
  disguise(properties);
}

static void get_properties2(void *device, Chained *properties) {
  Function forward = lavapipe()(last_instance, "vkGetPhysicalDeviceProperties2");
  if (!forward) forward = lavapipe()(last_instance, "vkGetPhysicalDeviceProperties2KHR");
  ((void (*)(void *, Chained *))forward)(device, properties);
  disguise(&properties->properties);
  for (Chained *link = properties->next; link; link = link->next) {
    if (link->type == TYPE_DRIVER_PROPERTIES) link->driver_id = DRIVER_SWIFTSHADER;
  }
}

EXPORT Function vkGetInstanceProcAddr(void *instance, const char *name) {
  if (!lavapipe()) return NULL;
  if (instance) last_instance = instance;
  if (!strcmp(name, "vkGetInstanceProcAddr")) return (Function)vkGetInstanceProcAddr;
  if (!strcmp(name, "vkGetPhysicalDeviceProperties")) return (Function)get_properties;
  if (!strcmp(name, "vkGetPhysicalDeviceProperties2")) return (Function)get_properties2;
  if (!strcmp(name, "vkGetPhysicalDeviceProperties2KHR")) return (Function)get_properties2;
  return lavapipe()(instance, name);
}

EXPORT Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
  return vkGetInstanceProcAddr(instance, name);
}

EXPORT int vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  if (*version > ICD_INTERFACE_VERSION) *version = ICD_INTERFACE_VERSION;
  return 0;
}
