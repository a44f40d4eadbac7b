# The compiler is the host's; headers, libraries and the C library are the sysroot's (design section 11).
# A toolchain file, because CMake reads CMAKE_SYSROOT nowhere else; so that even its first trial compilation
# works on a machine without any -dev package.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CLAWBOX_SYSROOT)

if(NOT EXISTS "${CLAWBOX_SYSROOT}/stamp")
    message(FATAL_ERROR "There is no sysroot at ${CLAWBOX_SYSROOT}. Run ./dev setup first.")
endif()
set(CMAKE_SYSROOT "${CLAWBOX_SYSROOT}")

# clang looks for gcc's start files and libgcc inside the sysroot, where no compiler is.
set(CMAKE_C_COMPILER_EXTERNAL_TOOLCHAIN /usr)
