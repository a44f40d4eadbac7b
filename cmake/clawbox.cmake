# The calls that the folders of this project use: a module, a program, a test, a fuzz target, embedded files, the console's pages.

# clawbox_add_folder(FOLDER): its CMakeLists.txt, if there is one.
function(clawbox_add_folder folder)
    if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt")
        add_subdirectory(${folder})
    endif()
endfunction()

# Our own flags, our include folder, and the modules and libraries that a target asked for.
function(clawbox_target_uses target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPS;THIRD_PARTY")
    target_include_directories(${target} PUBLIC "${CMAKE_SOURCE_DIR}/modules")
    list(TRANSFORM arg_DEPS PREPEND cb_)
    target_link_libraries(${target} PUBLIC ${arg_DEPS} PRIVATE ${arg_THIRD_PARTY} clawbox_warnings)
endfunction()

# clawbox_module(NAME http SOURCES parser.c ... [DEPS base wire] [THIRD_PARTY llhttp]): the library cb_http.
# Every header of the folder is also compiled alone, and included twice: it has to bring what it needs.
function(clawbox_module)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPS;THIRD_PARTY")
    if(arg_SOURCES)
        add_library(cb_${arg_NAME} STATIC ${arg_SOURCES})
        clawbox_target_uses(cb_${arg_NAME} DEPS ${arg_DEPS} THIRD_PARTY ${arg_THIRD_PARTY})
    else() # headers only
        list(TRANSFORM arg_DEPS PREPEND cb_ OUTPUT_VARIABLE libraries)
        add_library(cb_${arg_NAME} INTERFACE)
        target_link_libraries(cb_${arg_NAME} INTERFACE ${libraries})
    endif()

    file(GLOB headers RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" CONFIGURE_DEPENDS *.h)
    set(units)
    foreach(header IN LISTS headers)
        set(line "#include \"${arg_NAME}/${header}\"\n")
        set(unit "${CMAKE_CURRENT_BINARY_DIR}/alone_${header}.c")
        file(CONFIGURE OUTPUT "${unit}" CONTENT "${line}${line}typedef int translation_unit_is_not_empty;\n" @ONLY)
        list(APPEND units "${unit}")
    endforeach()
    if(units)
        add_library(cb_${arg_NAME}_headers OBJECT ${units})
        clawbox_target_uses(cb_${arg_NAME}_headers DEPS ${arg_DEPS} THIRD_PARTY ${arg_THIRD_PARTY})
    endif()
endfunction()

# clawbox_program(NAME clawbox SOURCES main.c ... [DEPS ...] [THIRD_PARTY ...]): an executable in CLAWBOX_OUTPUT_DIR.
function(clawbox_program)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPS;THIRD_PARTY")
    add_executable(${arg_NAME} ${arg_SOURCES})
    clawbox_target_uses(${arg_NAME} DEPS ${arg_DEPS} THIRD_PARTY ${arg_THIRD_PARTY})
    set_target_properties(${arg_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CLAWBOX_OUTPUT_DIR}")
    if(NOT CLAWBOX_SANITIZER)
        # What is run is half as large without what only a debugger reads; that stays beside it, where debuggers look.
        add_custom_command(TARGET ${arg_NAME} POST_BUILD VERBATIM WORKING_DIRECTORY "${CLAWBOX_OUTPUT_DIR}"
            COMMAND ${CMAKE_OBJCOPY} --only-keep-debug ${arg_NAME} ${arg_NAME}.debug
            COMMAND ${CMAKE_OBJCOPY} --strip-debug --add-gnu-debuglink=${arg_NAME}.debug ${arg_NAME})
    endif()
endfunction()

# clawbox_test(NAME test_http_parser SOURCES test_parser.c [DEPS http] [THIRD_PARTY ...] [LABEL unit] [TIMEOUT 60]
#              [ARGS ...] [ENVIRONMENT A=b ...]): a test program, run by `ctest -L unit`. It ends with the line
# "N passed, N failed" that ./dev test adds up. Without LABEL it is the folder's name below tests/.
function(clawbox_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;LABEL;TIMEOUT" "SOURCES;DEPS;THIRD_PARTY;ARGS;ENVIRONMENT")
    if(NOT arg_LABEL)
        cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY "${CMAKE_SOURCE_DIR}/tests" OUTPUT_VARIABLE folder)
        string(REGEX REPLACE "/.*" "" arg_LABEL "${folder}")
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    add_executable(${arg_NAME} ${arg_SOURCES})
    clawbox_target_uses(${arg_NAME} DEPS ${arg_DEPS} THIRD_PARTY ${arg_THIRD_PARTY})
    target_include_directories(${arg_NAME} PRIVATE "${CMAKE_SOURCE_DIR}/tests")
    add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} ${arg_ARGS})
    set_tests_properties(${arg_NAME} PROPERTIES LABELS "${arg_LABEL}" TIMEOUT ${arg_TIMEOUT}
        WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" ENVIRONMENT "${arg_ENVIRONMENT}")
endfunction()

# clawbox_fuzz(NAME http_head SOURCES fuzz_http_head.c [DEPS http] CORPUS corpus/http_head): in a fuzzer build the
# program fuzz_http_head; in every other build replay_http_head, a test that feeds it the whole corpus.
function(clawbox_fuzz)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPS;THIRD_PARTY;CORPUS")
    list(TRANSFORM arg_CORPUS PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
    if(CLAWBOX_SANITIZER STREQUAL "fuzzer")
        add_executable(fuzz_${arg_NAME} ${arg_SOURCES})
        clawbox_target_uses(fuzz_${arg_NAME} DEPS ${arg_DEPS} THIRD_PARTY ${arg_THIRD_PARTY})
        target_link_options(fuzz_${arg_NAME} PRIVATE -fsanitize=fuzzer)
    else()
        clawbox_test(NAME replay_${arg_NAME} LABEL fuzz-replay TIMEOUT 300 ARGS ${arg_CORPUS}
            SOURCES ${arg_SOURCES} "${CMAKE_SOURCE_DIR}/tests/fuzz/standalone.c"
            DEPS ${arg_DEPS} THIRD_PARTY ${arg_THIRD_PARTY})
    endif()
endfunction()

# clawbox_embed(TARGET cb_store SYMBOL embed_store BASE ${CMAKE_SOURCE_DIR}/schema FILES store/001.sql ...): the files,
# which are below BASE (default: schema/), become `const struct embed_file embed_store[]`, sorted by name, and
# `const size_t embed_store_count` (base/embed.h).
function(clawbox_embed)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;SYMBOL;BASE" "FILES")
    if(NOT arg_SYMBOL)
        set(arg_SYMBOL embed_schema)
    endif()
    if(NOT arg_BASE)
        set(arg_BASE "${CMAKE_SOURCE_DIR}/schema")
    endif()
    list(TRANSFORM arg_FILES PREPEND "${arg_BASE}/" OUTPUT_VARIABLE inputs)
    set(output "${CMAKE_CURRENT_BINARY_DIR}/${arg_SYMBOL}.c")
    set(script "${CMAKE_SOURCE_DIR}/cmake/embed.cmake")
    add_custom_command(OUTPUT "${output}" DEPENDS ${inputs} "${script}" VERBATIM
        COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${output}" "-DSYMBOL=${arg_SYMBOL}" "-DBASE=${arg_BASE}" "-DFILES=${arg_FILES}"
                -P "${script}")
    target_sources(${arg_TARGET} PRIVATE "${output}")
endfunction()

# clawbox_web(clawbox): the pages of web/, bundled and compressed, become console_assets.c of that target (console/assets.h).
# The bundler is in build/web/node_modules, where `./dev setup` put it.
function(clawbox_web target)
    set(web "${CMAKE_SOURCE_DIR}/web")
    set(modules "${CMAKE_SOURCE_DIR}/build/web/node_modules")
    file(GLOB_RECURSE inputs CONFIGURE_DEPENDS "${web}/*.js" "${web}/*.css" "${web}/*.html" "${web}/*.svg")
    set(output "${CMAKE_CURRENT_BINARY_DIR}/console_assets.c")
    add_custom_command(OUTPUT "${output}" VERBATIM
        DEPENDS ${inputs} "${web}/build.mjs" "${web}/package-lock.json" "${modules}/.package-lock.json"
        COMMAND node "${web}/build.mjs" "${CMAKE_CURRENT_BINARY_DIR}" "${modules}")
    target_sources(${target} PRIVATE "${output}")
endfunction()
