# cmake -DOUTPUT=x.c -DSYMBOL=embed_x -DBASE=DIR -DFILES="a;b" -P embed.cmake: files as a C table (clawbox_embed()).
set(arrays)
set(rows)
set(number 0)
list(SORT FILES)
foreach(name IN LISTS FILES)
    file(READ "${BASE}/${name}" hex HEX)
    file(SIZE "${BASE}/${name}" size)
    # 16 bytes per line, and one zero byte after the end, which `size` does not count: texts may be used as strings.
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REPEAT "....." 16 line)
    string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")
    string(APPEND arrays "/* ${name} */\nstatic const unsigned char file_${number}[] = {\n${bytes}\n0x00};\n\n")
    string(APPEND rows "    {\"${name}\", file_${number}, ${size}},\n")
    math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${OUTPUT}" "/* Written by cmake/embed.cmake. */
#include \"base/embed.h\"

extern const struct embed_file ${SYMBOL}[];
extern const size_t ${SYMBOL}_count;

${arrays}const struct embed_file ${SYMBOL}[] = {
${rows}};
const size_t ${SYMBOL}_count = ${number};
")
