# The libraries, by the names that a module's THIRD_PARTY takes. Static archives by their full path: there is no
# search that could find the host's. Their headers are the sysroot's, so they need no folder of their own.
function(clawbox_third_party name archive)
    set(path "${CLAWBOX_LIBDIR}/${archive}")
    if(NOT EXISTS "${path}")
        message(FATAL_ERROR "${path} is missing. Run ./dev setup.")
    endif()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE "${path}" ${ARGN})
endfunction()

# libuv 1.50 makes an io_uring for every loop and offers no way to say no. So its calls of syscall(), and nobody else's,
# are renamed to a function of modules/net/loop.c, which refuses those for rings and passes the others on.
function(clawbox_third_party_uv)
    set(original "${CLAWBOX_LIBDIR}/libuv.a")
    set(renamed "${CMAKE_BINARY_DIR}/thirdparty/libuv.a")
    file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/thirdparty")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${original}")
    execute_process(COMMAND ${CMAKE_OBJCOPY} --redefine-sym syscall=net_uv_syscall "${original}" "${renamed}"
        COMMAND_ERROR_IS_FATAL ANY)
    add_library(uv INTERFACE)
    target_link_libraries(uv INTERFACE "${renamed}")
endfunction()

clawbox_third_party_uv()
clawbox_third_party(cares libcares.a)
clawbox_third_party(sqlite3 libsqlite3.a m)
clawbox_third_party(yaml libyaml.a)
clawbox_third_party(llhttp libllhttp.a)
clawbox_third_party(sodium libsodium.a)
