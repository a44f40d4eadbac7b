# mbedTLS, the one library built from source, because it needs our configuration header (modules/tls/mbedtls_config.h)
# and our replacements of its slow primitives. A change of the header builds it again.
set(MBEDTLS_DIR "${CLAWBOX_SYSROOT}/usr/src/mbedtls")
file(GLOB sources "${MBEDTLS_DIR}/library/*.c")
if(NOT sources)
    message(FATAL_ERROR "${MBEDTLS_DIR} has no source of mbedTLS. Run ./dev setup.")
endif()

# Primitives that libsodium does better, through mbedTLS's hooks for alternatives. soft.c is mbedTLS's own code compiled
# under other names, hence in its library.
set(MBEDTLS_ALT "${CMAKE_SOURCE_DIR}/modules/tls/alt")
add_library(mbedtls_alt OBJECT "${MBEDTLS_ALT}/aead.c" "${MBEDTLS_ALT}/x25519.c" "${MBEDTLS_ALT}/x509.c")
target_link_libraries(mbedtls_alt PRIVATE clawbox_warnings)

add_library(mbedtls STATIC ${sources} "${MBEDTLS_ALT}/soft.c" $<TARGET_OBJECTS:mbedtls_alt>)
target_link_libraries(mbedtls PUBLIC sodium)
# PSA exports a public key by this call, which has no hook (modules/tls/alt/x25519.c).
set_source_files_properties("${MBEDTLS_DIR}/library/psa_crypto_ecp.c" PROPERTIES
    COMPILE_DEFINITIONS mbedtls_ecp_mul=tls_alt_ecp_mul)
# A peer's certificates are read so that critical name constraints are not in the way (modules/tls/alt/x509.c).
set_source_files_properties("${MBEDTLS_DIR}/library/ssl_tls.c" "${MBEDTLS_DIR}/library/ssl_tls13_generic.c" PROPERTIES
    COMPILE_DEFINITIONS mbedtls_x509_crt_parse_der=tls_alt_crt_parse_der)
# Its AES code for x86 is twice as fast by intrinsics. It runs only where the processor says that it has these instructions.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    set_source_files_properties("${MBEDTLS_DIR}/library/aes.c" PROPERTIES COMPILE_OPTIONS "-maes;-mpclmul")
    set_source_files_properties("${MBEDTLS_DIR}/library/aesni.c" PROPERTIES COMPILE_OPTIONS "-maes;-mpclmul;-mssse3")
endif()
# Its warnings are its maintainers' business.
target_compile_options(mbedtls PRIVATE -w)
if(NOT CLAWBOX_SANITIZER)
    target_compile_options(mbedtls PRIVATE -O3)
endif()
target_include_directories(mbedtls PRIVATE "${MBEDTLS_DIR}/library")
foreach(target mbedtls mbedtls_alt)
    target_include_directories(${target} SYSTEM PUBLIC "${MBEDTLS_DIR}/include" "${MBEDTLS_ALT}")
    target_include_directories(${target} PUBLIC "${CMAKE_SOURCE_DIR}/modules")
    target_compile_definitions(${target} PUBLIC MBEDTLS_CONFIG_FILE="tls/mbedtls_config.h")
endforeach()
