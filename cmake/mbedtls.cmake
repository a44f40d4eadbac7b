# mbedTLS, the one library built from source, because it needs our configuration header (modules/tls/mbedtls_config.h)
# and our replacements of its slow primitives. A change of the header builds it again.
set(MBEDTLS_DIR "${CLAWBOX_SYSROOT}/usr/src/mbedtls")
file(GLOB sources "${MBEDTLS_DIR}/library/*.c")
if(NOT sources)
    message(FATAL_ERROR "${MBEDTLS_DIR} has no source of mbedTLS. Run ./dev setup.")
endif()

add_library(mbedtls STATIC ${sources})
# Its warnings are its maintainers' business.
target_compile_options(mbedtls PRIVATE -w)
if(NOT CLAWBOX_SANITIZER)
    target_compile_options(mbedtls PRIVATE -O3)
endif()
target_include_directories(mbedtls SYSTEM PUBLIC "${MBEDTLS_DIR}/include" PRIVATE "${MBEDTLS_DIR}/library")
target_include_directories(mbedtls PUBLIC "${CMAKE_SOURCE_DIR}/modules")
target_compile_definitions(mbedtls PUBLIC MBEDTLS_CONFIG_FILE="tls/mbedtls_config.h")
