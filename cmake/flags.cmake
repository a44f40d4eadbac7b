# How our own code is compiled and linked. Third-party code takes the same, with its own warnings and optimisation
# (cmake/mbedtls.cmake). Three kinds of build, one option: the real program; the same under sanitizers; fuzz targets.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

# The one multiarch folder of the sysroot names the machine: x86_64-linux-gnu or aarch64-linux-gnu.
file(GLOB CLAWBOX_LIBC "${CLAWBOX_SYSROOT}/usr/lib/*/libc.a")
list(LENGTH CLAWBOX_LIBC count)
if(NOT count EQUAL 1)
    message(FATAL_ERROR "${CLAWBOX_SYSROOT} holds ${count} C libraries, one is needed. Run ./dev setup.")
endif()
cmake_path(GET CLAWBOX_LIBC PARENT_PATH CLAWBOX_LIBDIR)

# Warnings for our own targets; an error each.
add_library(clawbox_warnings INTERFACE)
target_compile_options(clawbox_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
    -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Werror
    $<$<C_COMPILER_ID:Clang>:-Wno-gnu>)

# Each word means something below; another would silently build the real program.
set(sanitizers "" "address,undefined" "fuzzer")
if(NOT CLAWBOX_SANITIZER IN_LIST sanitizers)
    message(FATAL_ERROR "CLAWBOX_SANITIZER is \"${CLAWBOX_SANITIZER}\"; it may be empty, address,undefined or fuzzer")
endif()

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-g -fPIE -fstack-protector-strong -fno-strict-aliasing -ffunction-sections -fdata-sections)
# A compiler that is installed beside a C library of its own looks there before the sysroot, for start files (-B) and for
# libraries (-L), whatever --sysroot says.
add_link_options(-B${CLAWBOX_LIBDIR} -L${CLAWBOX_LIBDIR})
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
    add_compile_options(-fcf-protection)
else()
    add_compile_options(-mbranch-protection=standard)
endif()

if(CLAWBOX_SANITIZER STREQUAL "")
    # Nothing unwinds the stack while the program runs; for debuggers the tables are in clawbox.debug, as .debug_frame.
    add_compile_options(-O2 -fstack-clash-protection -fno-asynchronous-unwind-tables -fno-unwind-tables)
    add_compile_definitions(_FORTIFY_SOURCE=3)
    add_link_options(-static-pie)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
        add_link_options(-Wl,-z,pack-relative-relocs) # a bit for each pointer to relocate, in place of 24 bytes
    endif()
else()
    # The archives need the sysroot's newer C library, and the sanitizers need a dynamic one: so such a program is
    # linked against the sysroot's libc.so and started by the sysroot's loader. The sanitizers' own libraries are the
    # host compiler's; DT_RPATH, not DT_RUNPATH, because their dependencies have to be found the same way.
    if(CLAWBOX_SANITIZER STREQUAL "fuzzer")
        set(checks address,undefined,fuzzer-no-link)
    else()
        set(checks ${CLAWBOX_SANITIZER})
    endif()
    add_compile_options(-O1 -fno-omit-frame-pointer -fsanitize=${checks} -fno-sanitize-recover=all)
    file(GLOB loader "${CLAWBOX_LIBDIR}/ld-linux*.so.*")
    cmake_path(GET CLAWBOX_LIBDIR FILENAME triplet)
    add_link_options(-pie -fsanitize=${checks} -Wl,--dynamic-linker=${loader} -Wl,--disable-new-dtags
        -Wl,-rpath,${CLAWBOX_LIBDIR}:/usr/lib/${triplet})
endif()
