/* test_parser.c - what the parser delivers, refuses and holds, each also with its input cut everywhere. */
#include <malloc.h>

#include "support/check.h"
#include "unit/http/replay.h"

struct example {
    enum replay_kind kind;
    const char *bytes;
    const char *log; /* as replay.h writes it */
    bool eof;
};

static void check_example(const struct example *e)
{
    struct replay t;
    struct span bytes = span_str(e->bytes);
    replay_run(&t, e->kind, bytes, 0, bytes.len, e->eof);
    struct span log = buf_span(&t.log);
    if (!CHECK_EQ_BYTES(log.ptr, log.len, e->log, strlen(e->log)) ||
        !CHECK(replay_split_invariant(&t, e->kind, bytes, e->eof))) {
        printf("  with: %s\n", e->bytes);
    }
    replay_free(&t);
}

#define CHECK_EXAMPLES(table_)                                          \
    for (size_t i = 0; i < sizeof(table_) / sizeof((table_)[0]); i++) { \
        check_example(&(table_)[i]);                                    \
    }

#define MORE "-1005 0 \n" /* CB_EAGAIN */

TEST(requests)
{
    static const struct example table[] = {
        {REPLAY_REQUEST, "GET /x?y=1#z HTTP/1.1\r\nHost: a\r\n\r\n",
         "head GET /x?y=1#z 0  1.1 n0 keep [Host=a]\nend \n" MORE, false},
        {REPLAY_REQUEST, "GET http://a/ HTTP/1.1\r\nHost:a\r\nX:\r\nY: \t \r\nZ: \t a b\t \r\n\r\n",
         "head GET http://a/ 0  1.1 n0 keep [Host=a][X=][Y=][Z=a b]\nend \n" MORE, false},
        {REPLAY_REQUEST, "OPTIONS * HTTP/1.1\r\nHost: a\r\nUser-Agent: \xe9\xff\r\n\r\n",
         "head OPTIONS * 0  1.1 n0 keep [Host=a][User-Agent=\xe9\xff]\nend \n" MORE, false},
        {REPLAY_REQUEST, "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n",
         "head M-SEARCH / 0  1.1 n0 keep [Host=a]\nend \n" MORE, false},
        {REPLAY_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
         "head POST / 0  1.1 l5 keep [Host=a][Content-Length=5]\nbody hello\nend \n" MORE, false},
        {REPLAY_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
         "head POST / 0  1.1 l0 keep [Host=a][Content-Length=0]\nend \n" MORE, false},
        {REPLAY_REQUEST,
         "POST / HTTP/1.1\r\nHost: a\r\ntransfer-ENCODING: Chunked\r\n\r\n"
         "5\r\nhello\r\n0a;x=\"y z\";q\r\n, wörld! \r\n000\r\n\r\n",
         "head POST / 0  1.1 k0 keep [Host=a][transfer-ENCODING=Chunked]\nbody hello, wörld! \nend \n" MORE,
         false},
        {REPLAY_REQUEST,
         "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7 \r\nEmpty:\r\n\r\n",
         "head POST / 0  1.1 k0 keep [Host=a][Transfer-Encoding=chunked]\nbody x\nend [X-Sum=7][Empty=]\n" MORE,
         false},
        /* Pipelined, with the empty lines that are tolerated. */
        {REPLAY_REQUEST,
         "\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\nPOST /2 HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx"
         "GET /3 HTTP/1.1\r\nHost: c\r\n\r\n",
         "head GET /1 0  1.1 n0 keep [Host=a]\nend \nhead POST /2 0  1.1 l1 keep [Host=b][Content-Length=1]\nbody x\nend \n"
         "head GET /3 0  1.1 n0 keep [Host=c]\nend \n" MORE,
         false},
        {REPLAY_REQUEST,
         "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: 1\r\n\r\n"
         "POST /2 HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "head POST /1 0  1.1 k0 keep [Host=a][Transfer-Encoding=chunked]\nbody x\nend [T=1]\n"
         "head POST /2 0  1.1 k0 keep [Host=b][Transfer-Encoding=chunked]\nend \n" MORE,
         false},
    };
    CHECK_EXAMPLES(table)
}

TEST(keep_alive)
{
    static const struct example table[] = {
        {REPLAY_REQUEST, "GET / HTTP/1.0\r\n\r\n", "head GET / 0  1.0 n0 close \nend \n" MORE, false},
        {REPLAY_REQUEST, "GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
         "head GET / 0  1.0 n0 keep [Connection=x, Keep-Alive]\nend \nhead GET / 0  1.0 n0 close \nend \n" MORE,
         false},
        {REPLAY_REQUEST,
         "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: te,\tCLOSE\r\n\r\n",
         "head GET / 0  1.1 n0 close [Host=a][Connection=keep-alive][Connection=te,\tCLOSE]\nend \n" MORE,
         false},
        {REPLAY_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n",
         "head GET / 0  1.1 n0 keep [Host=a][Connection=closed]\nend \n" MORE, false},
        {REPLAY_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nG",
         "head GET / 0  1.1 n0 close [Host=a][Connection=close]\nend \n-1002 1 bytes after the last message\n",
         false},
        {REPLAY_RESPONSE,
         "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nxHTTP/1.1 204 No\r\n\r\n",
         "head   200 OK 1.0 l1 keep [Content-Length=1][Connection=keep-alive]\nbody x\nend \nhead   204 No 1.1 n0 keep \nend \n" MORE,
         false},
        {REPLAY_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\nx",
         "head   200 OK 1.1 l0 close [Content-Length=0][Connection=close]\nend \n-1002 1 bytes after the last message\n",
         false},
    };
    CHECK_EXAMPLES(table)
}

TEST(expect)
{
    static const struct example table[] = {
        {REPLAY_REQUEST, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
         "head PUT / 0  1.1 l1 keep expect [Host=a][Expect=100-Continue][Content-Length=1]\nbody x\nend \n" MORE,
         false},
        /* Nothing to wait for, and a client that cannot know. */
        {REPLAY_REQUEST, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
         "head PUT / 0  1.1 n0 keep [Host=a][Expect=100-continue]\nend \n" MORE, false},
        {REPLAY_REQUEST, "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
         "head PUT / 0  1.0 l1 close [Expect=100-continue][Content-Length=1]\nbody x\nend \n" MORE, false},
        {REPLAY_REQUEST, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: coffee\r\n\r\n",
         "-1002 4 an Expect other than one 100-continue\n", false},
        {REPLAY_REQUEST, "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n",
         "-1002 4 an Expect other than one 100-continue\n", false},
        {REPLAY_REQUEST, "PUT / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n",
         "-1002 4 an Expect other than one 100-continue\n", false},
    };
    CHECK_EXAMPLES(table)
}

TEST(refused_requests)
{
    /* What strict llhttp lets through; the rest is in the vectors. */
    static const struct example table[] = {
        {REPLAY_REQUEST, "GET / HTTP/1.1\r\nX: y\r\n\r\n", "-1002 1 no Host\n", false},
        {REPLAY_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", "-1002 1 more than one Host\n",
         false},
        {REPLAY_REQUEST, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "-1002 1 more than one Host\n",
         false},
        {REPLAY_REQUEST, "GET / HTTP/0.9\r\nHost: a\r\n\r\n", "-1002 5 a version other than 1.0 and 1.1\n",
         false},
        {REPLAY_REQUEST, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "-1002 5 a version other than 1.0 and 1.1\n",
         false},
        {REPLAY_REQUEST, "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "-1002 5 Invalid HTTP version\n", false},
        {REPLAY_REQUEST, "OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n", "-1002 1 a protocol other than HTTP\n",
         false},
        {REPLAY_REQUEST, "SOURCE / ICE/1.0\r\nHost: a\r\n\r\n", "-1002 1 a protocol other than HTTP\n",
         false},
        {REPLAY_REQUEST, "GET /\r\nHost: a\r\n\r\n",
         "-1002 1 a request line that is not three words with single spaces\n", false},
        {REPLAY_REQUEST, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
         "-1002 1 a request line that is not three words with single spaces\n", false},
        {REPLAY_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
         "-1002 1 a Transfer-Encoding other than chunked\n", false},
        {REPLAY_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n",
         "-1002 1 a Transfer-Encoding other than chunked\n", false},
        {REPLAY_REQUEST,
         "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
         "-1002 1 more than one Transfer-Encoding\n", false},
        {REPLAY_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\t\r\n\r\n",
         "-1002 1 a doubtful Transfer-Encoding\n", false},
        {REPLAY_REQUEST, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
         "-1002 1 Transfer-Encoding in HTTP/1.0\n", false},
        {REPLAY_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n",
         "-1002 1 a Content-Length that is not plain digits or too large\n", false},
        {REPLAY_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n",
         "-1002 1 a Content-Length that is not plain digits or too large\n", false},
        {REPLAY_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 3\r\n\r\n",
         "-1002 1 Content_Length\n", false},
        {REPLAY_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\ntransfer_encoding: chunked\r\n\r\n",
         "-1002 1 Transfer_Encoding\n", false},
        {REPLAY_REQUEST, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "-1002 1 a line feed before the message\n",
         false},
        {REPLAY_REQUEST, "\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "-1002 1 a CR before the message\n", false},
        {REPLAY_REQUEST, "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
         "-1002 1 empty lines before the message\n", false},
        {REPLAY_REQUEST, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "-1002 5 Pause on PRI/Upgrade\n", false},
        {REPLAY_REQUEST, "\x16\x03\x01\x02", "-1002 1 Invalid method encountered\n", false},
    };
    CHECK_EXAMPLES(table)
}

TEST(refused_chunks)
{
#define CHUNKED_REQUEST "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_LOG     "head POST / 0  1.1 k0 keep [Host=a][Transfer-Encoding=chunked]\n"
    static const struct example table[] = {
        {REPLAY_REQUEST, CHUNKED_REQUEST "1\r\nxy\r\n",
         CHUNKED_LOG "body x\n-1002 1 Expected LF after chunk data\n", false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "1\r\nx\n0\r\n\r\n",
         CHUNKED_LOG "body x\n-1002 1 Missing expected CR after chunk data\n", false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "1\n",
         CHUNKED_LOG "-1002 1 a chunk size that is not hexadecimal digits\n", false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "1;\r\n",
         CHUNKED_LOG "-1002 1 a chunk extension that is empty or not plain text\n", false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "1;a\x80\r\n",
         CHUNKED_LOG "-1002 1 a chunk extension that is empty or not plain text\n", false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "00000000000000001\r\n",
         CHUNKED_LOG "-1001 1 a chunk size of too many digits\n", false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "0000000000000001\r\nx", CHUNKED_LOG "body x\n" MORE, false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "8000000000000000\r\nx",
         CHUNKED_LOG "-1001 1 a chunk that is too large\n", false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "7fffffffffffffff\r\nx", CHUNKED_LOG "body x\n" MORE, false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "0\r\nHOST: b\r\n\r\n",
         CHUNKED_LOG "-1002 1 a framing or routing field in the trailers\n", false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "0\r\nContent_Length: 1\r\n\r\n",
         CHUNKED_LOG "-1002 1 a framing or routing field in the trailers\n", false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "0\r\nTransfer-Encoding: x\r\n\r\n",
         CHUNKED_LOG "-1002 1 Invalid `Transfer-Encoding` header value\n", false},
        {REPLAY_REQUEST, CHUNKED_REQUEST "0\r\nX: y\r\n z\r\n\r\n",
         CHUNKED_LOG "-1002 1 Unexpected whitespace after header value\n", false},
    };
    CHECK_EXAMPLES(table)
}

TEST(trailer_content_length)
{
    struct replay t;
    struct span bytes = span_str(CHUNKED_REQUEST "0\r\nContent-Length: 4\r\n\r\nevil");
    replay_run(&t, REPLAY_REQUEST, bytes, 0, bytes.len, false);
    CHECK_EQ_INT(t.result, CB_EMALFORMED);
    CHECK_EQ_UINT(t.ends, 0);
    CHECK(replay_split_invariant(&t, REPLAY_REQUEST, bytes, false));
    replay_free(&t);
}

TEST(responses)
{
    static const struct example table[] = {
        {REPLAY_RESPONSE,
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404\r\nContent-Length: 0\r\n\r\n",
         "head   200 OK 1.1 l2 keep [Content-Length=2]\nbody hi\nend \nhead   404  1.1 l0 keep [Content-Length=0]\nend \n" MORE,
         false},
        {REPLAY_RESPONSE, "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n",
         "head   299  1.1 l0 keep [Content-Length=0]\nend \n" MORE, false},
        {REPLAY_RESPONSE, "HTTP/1.1 500 Not  g\xf6od\t!\r\nContent-Length: 0\r\n\r\n",
         "head   500 Not  g\xf6od\t! 1.1 l0 keep [Content-Length=0]\nend \n" MORE, false},
        {REPLAY_RESPONSE, "HTTP/1.1 200 OK\r\n\r\nto the\r\n\r\nend",
         "head   200 OK 1.1 c0 close \nbody to the\r\n\r\nend\nend \n-1006 0 \n", true},
        {REPLAY_RESPONSE, "HTTP/1.1 200 OK\r\n\r\n", "head   200 OK 1.1 c0 close \nend \n-1006 0 \n", true},
        {REPLAY_RESPONSE,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndat\r\n0\r\nX: 1\r\n\r\n",
         "head   200 OK 1.1 k0 keep [Transfer-Encoding=chunked]\nbody dat\nend [X=1]\n" MORE, false},
        /* No body whatever the length says. */
        {REPLAY_RESPONSE,
         "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
         "head   304 Not Modified 1.1 n5 keep [Content-Length=5]\nend \nhead   200 OK 1.1 l0 keep [Content-Length=0]\nend \n" MORE,
         false},
        {REPLAY_RESPONSE_TO_HEAD,
         "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
         "head   200 OK 1.1 n5 keep [Content-Length=5]\nend \nhead   200 OK 1.1 l1 keep [Content-Length=1]\nbody x\nend \n" MORE,
         false},
        {REPLAY_RESPONSE_TO_HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
         "head   200 OK 1.1 n0 keep [Transfer-Encoding=chunked]\nend \n" MORE, false},
        {REPLAY_RESPONSE_TO_HEAD, "HTTP/1.1 200 OK\r\n\r\n", "head   200 OK 1.1 n0 keep \nend \n" MORE,
         false},
        {REPLAY_RESPONSE, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
         "head   204 No Content 1.1 n0 keep [Content-Length=0]\nend \n" MORE, false},
        /* Interim responses keep what is known about the final one. */
        {REPLAY_RESPONSE_TO_HEAD,
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
         "interim   100 Continue 1.1 n0 keep \ninterim   103 Early Hints 1.1 n0 keep [Link=</x>]\n"
         "head   200 OK 1.1 n3 keep [Content-Length=3]\nend \n" MORE,
         false},
        {REPLAY_RESPONSE,
         "HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
         "interim   100 Continue 1.1 n0 close [Connection=close]\nhead   200 OK 1.1 l0 keep [Content-Length=0]\nend \n" MORE,
         false},
        {REPLAY_RESPONSE,
         "HTTP/1.1 200 OK\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nx",
         "head   200 OK 1.1 l1 keep [Connection=upgrade][Upgrade=h2c][Content-Length=1]\nbody x\nend \n" MORE,
         false},
    };
    CHECK_EXAMPLES(table)
}

TEST(refused_responses)
{
    static const struct example table[] = {
        {REPLAY_RESPONSE, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
         "-1002 1 101 although no upgrade was asked for\n", false},
        {REPLAY_RESPONSE, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
         "-1002 1 a status without body, with the length of one\n", false},
        {REPLAY_RESPONSE, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
         "-1002 1 a status without body, with the length of one\n", false},
        {REPLAY_RESPONSE, "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello",
         "-1002 1 a status without body, with the length of one\n", false},
        {REPLAY_RESPONSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
         "-1002 1 a Transfer-Encoding other than chunked\n", false},
        {REPLAY_RESPONSE, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
         "-1002 1 Transfer-Encoding in HTTP/1.0\n", false},
        {REPLAY_RESPONSE_TO_HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: a\r\nTransfer-Encoding: b\r\n\r\n",
         "-1002 1 more than one Transfer-Encoding\n", false},
        {REPLAY_RESPONSE, "HTTP/1.1 099 No\r\n\r\n", "-1002 1 a status that is not 100 to 599\n", false},
        {REPLAY_RESPONSE, "HTTP/1.1 600 No\r\n\r\n", "-1002 1 a status that is not 100 to 599\n", false},
        {REPLAY_RESPONSE, "HTTP/2.0 200 OK\r\n\r\n", "-1002 5 a version other than 1.0 and 1.1\n", false},
        {REPLAY_RESPONSE, "RTSP/1.0 200 OK\r\n\r\n", "-1002 1 Expected HTTP/\n", false},
        {REPLAY_RESPONSE, "\r\nHTTP/1.1 200 OK\r\n\r\n", "-1002 1 empty lines before the message\n", false},
        {REPLAY_RESPONSE, "HTTP/1.1 200 O\x01K\r\n\r\n", "-1002 1 a reason phrase with a control byte\n",
         false},
    };
    CHECK_EXAMPLES(table)
}

TEST(end_of_connection)
{
    static const struct example table[] = {
        {REPLAY_REQUEST, "", "-1006 0 \n", true},
        {REPLAY_RESPONSE, "", "-1006 0 \n", true},
        {REPLAY_REQUEST, "\r\n", "-1006 0 \n", true},
        {REPLAY_REQUEST, "G", "-1003 1 the connection ended inside a message\n", true},
        {REPLAY_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
         "head GET / 0  1.1 n0 keep [Host=a]\nend \n-1006 0 \n", true},
        {REPLAY_REQUEST, "GET / HTTP/1.0\r\n\r\n", "head GET / 0  1.0 n0 close \nend \n-1006 0 \n", true},
        {REPLAY_REQUEST, "PUT / HTTP/1.0\r\nContent-Length: 2\r\n\r\nx",
         "head PUT / 0  1.0 l2 close [Content-Length=2]\nbody x\n-1003 1 the connection ended inside a message\n",
         true},
        {REPLAY_REQUEST, CHUNKED_REQUEST "1\r\nx",
         CHUNKED_LOG "body x\n-1003 1 the connection ended inside a message\n", true},
        {REPLAY_REQUEST, CHUNKED_REQUEST "0\r\n",
         CHUNKED_LOG "-1003 1 the connection ended inside a message\n", true},
        {REPLAY_REQUEST, CHUNKED_REQUEST, CHUNKED_LOG "-1003 1 the connection ended inside a message\n",
         true},
        {REPLAY_RESPONSE, "HTTP/1.1 100 Continue\r\n\r\n",
         "interim   100 Continue 1.1 n0 keep \n-1003 1 the connection ended inside a message\n", true},
        {REPLAY_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Len", "-1003 1 the connection ended inside a message\n",
         true},
    };
    CHECK_EXAMPLES(table)
}

TEST(end_before_the_end_event)
{
    /* The connection ends before the caller has pulled END: it is delivered all the same, and once. */
    struct http_parser *p = http_parser_new_request();
    struct span in = SPAN_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct http_event event;
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(http_parser_eof(p, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_END);
    CHECK_EQ_INT(http_parser_eof(p, &event), CB_ECLOSED);
    http_parser_free(p);
}

TEST(a_refusal_stays)
{
    struct http_parser *p = http_parser_new_request();
    struct span in = SPAN_LIT("BAD\r\n");
    struct http_event event;
    CHECK_EQ_INT(http_parser_error(p), HTTP_ERROR_NONE);
    CHECK_EQ_STR(http_parser_why(p), "");
    CHECK_EQ_INT(http_parser_next(p, &in, &event), CB_EMALFORMED);
    const char *why = http_parser_why(p);
    in = SPAN_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_EQ_INT(http_parser_next(p, &in, &event), CB_EMALFORMED);
    CHECK_EQ_UINT(in.len, 27);
    CHECK_EQ_INT(http_parser_eof(p, &event), CB_EMALFORMED);
    CHECK_EQ_STR(http_parser_why(p), why);
    CHECK_EQ_INT(http_parser_error(p), HTTP_ERROR_SYNTAX);
    http_parser_free(p);
    http_parser_free(NULL);
}

TEST(connect_leaves_the_tunnel_alone)
{
    struct http_parser *p = http_parser_new_request();
    struct span in =
        SPAN_LIT("CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\nContent-Length: 0\r\n\r\n\x16\x03\x01");
    struct http_event event;
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_HEAD);
    CHECK_EQ_INT(event.head->framing, HTTP_FRAMING_NONE);
    CHECK(span_eq_str(event.head->target, "a.b:443"));
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_END);
    CHECK(span_eq_str(in, "\x16\x03\x01"));
    http_parser_free(p);

    static const struct example table[] = {
        {REPLAY_REQUEST, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 3\r\n\r\n",
         "-1002 1 CONNECT with a body\n", false},
        {REPLAY_REQUEST, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nTransfer-Encoding: chunked\r\n\r\n",
         "-1002 1 CONNECT with a body\n", false},
        /* A refused CONNECT may be tried again on the same connection. */
        {REPLAY_REQUEST,
         "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nCONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nX: y\r\n\r\n",
         "head CONNECT a:443 0  1.1 n0 keep [Host=a:443]\nend \nhead CONNECT a:443 0  1.1 n0 keep [Host=a:443][X=y]\nend \n" MORE,
         false},
    };
    CHECK_EXAMPLES(table)
}

TEST(upgrade_is_ignored)
{
#define UPGRADE     "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
#define UPGRADE_LOG "[Host=a][Connection=Upgrade][Upgrade=websocket]"
    static const struct example table[] = {
        {REPLAY_REQUEST, "GET /1 HTTP/1.1\r\n" UPGRADE "\r\nGET /2 HTTP/1.1\r\n" UPGRADE "\r\n",
         "head GET /1 0  1.1 n0 keep " UPGRADE_LOG "\nend \nhead GET /2 0  1.1 n0 keep " UPGRADE_LOG
         "\nend \n" MORE,
         false},
        {REPLAY_REQUEST,
         "POST /1 HTTP/1.1\r\n" UPGRADE "Content-Length: 1\r\n\r\nxGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
         "head POST /1 0  1.1 l1 keep " UPGRADE_LOG
         "[Content-Length=1]\nbody x\nend \nhead GET /2 0  1.1 n0 keep [Host=a]\nend \n" MORE,
         false},
        {REPLAY_REQUEST,
         "POST /1 HTTP/1.1\r\n" UPGRADE
         "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
         "head POST /1 0  1.1 k0 keep " UPGRADE_LOG
         "[Transfer-Encoding=chunked]\nbody x\nend \nhead GET /2 0  1.1 n0 keep [Host=a]\nend \n" MORE,
         false},
    };
    CHECK_EXAMPLES(table)
}

/* ---- limits ---- */

struct text {
    char bytes[300 * 1024];
    size_t len;
};
static struct text text;

static void text_start(const char *s)
{
    text.len = strlen(s);
    memcpy(text.bytes, s, text.len);
}

static void text_add(const char *s)
{
    memcpy(text.bytes + text.len, s, strlen(s));
    text.len += strlen(s);
}

static void text_fill(char c, size_t count)
{
    memset(text.bytes + text.len, c, count);
    text.len += count;
}

/* Runs the text, whole and byte by byte, and checks how it ends. */
static void check_limit(enum replay_kind kind, int result, enum http_error error, unsigned ends)
{
    struct replay t;
    struct span bytes = span_of(text.bytes, text.len);
    replay_run(&t, kind, bytes, 0, bytes.len, false);
    CHECK_EQ_INT(t.result, result);
    CHECK_EQ_INT(t.error, error);
    CHECK_EQ_UINT(t.ends, ends);
    CHECK(replay_same(&t, kind, bytes, 0, 1, false));
    CHECK(replay_same(&t, kind, bytes, 0, 4093, false));
    replay_free(&t);
}

TEST(limit_of_the_target)
{
    for (size_t over = 0; over < 2; over++) {
        text_start("GET /");
        text_fill('x', HTTP_TARGET_MAX - 1 + over);
        text_add(" HTTP/1.1\r\nHost: a\r\n\r\n");
        check_limit(REPLAY_REQUEST, over ? CB_ELIMIT : CB_EAGAIN,
                    over ? HTTP_ERROR_TARGET_TOO_LONG : HTTP_ERROR_NONE, over ? 0 : 1);
    }
    text_start("UNSUBSCRIBE /");
    text_fill('x', HTTP_TARGET_MAX - 1);
    text_add(" HTTP/1.1\r\nHost: a\r\n\r\n");
    check_limit(REPLAY_REQUEST, CB_EAGAIN, HTTP_ERROR_NONE, 1);
    /* One that never ends, and one that turns bad only after it was too long. */
    text_start("GET /");
    text_fill('x', 100000);
    check_limit(REPLAY_REQUEST, CB_ELIMIT, HTTP_ERROR_TARGET_TOO_LONG, 0);
    text_start("GET /");
    text_fill('x', HTTP_TARGET_MAX + 10);
    text_add("\x01");
    check_limit(REPLAY_REQUEST, CB_EMALFORMED, HTTP_ERROR_SYNTAX, 0);
}

TEST(limit_of_the_head)
{
    static const char *const start[] = {"GET / HTTP/1.1\r\nHost: a\r\nX: ", "HTTP/1.1 204 No\r\nX: "};
    for (size_t kind = 0; kind < 2; kind++) {
        for (size_t over = 0; over < 2; over++) {
            text_start(start[kind]);
            text_fill('x', HTTP_HEAD_MAX - 4 - text.len + over);
            text_add("\r\n\r\n");
            CHECK_EQ_UINT(text.len, HTTP_HEAD_MAX + over);
            check_limit(kind == 0 ? REPLAY_REQUEST : REPLAY_RESPONSE, over ? CB_ELIMIT : CB_EAGAIN,
                        over ? HTTP_ERROR_HEAD_TOO_LARGE : HTTP_ERROR_NONE, over ? 0 : 1);
        }
        text_start(start[kind]);
        text_fill(' ', 200000);
        check_limit(kind == 0 ? REPLAY_REQUEST : REPLAY_RESPONSE, CB_ELIMIT, HTTP_ERROR_HEAD_TOO_LARGE, 0);
    }
}

TEST(limit_of_fields)
{
    for (size_t over = 0; over < 2; over++) {
        text_start("GET / HTTP/1.1\r\nHost: a\r\n");
        for (size_t i = 1; i < HTTP_FIELDS_MAX + over; i++) {
            text_add("X: y\r\n");
        }
        text_add("\r\n");
        check_limit(REPLAY_REQUEST, over ? CB_ELIMIT : CB_EAGAIN,
                    over ? HTTP_ERROR_HEAD_TOO_LARGE : HTTP_ERROR_NONE, over ? 0 : 1);
        text_start(CHUNKED_REQUEST "0\r\n");
        for (size_t i = 0; i < HTTP_TRAILERS_MAX + over; i++) {
            text_add("X: y\r\n");
        }
        text_add("\r\n");
        check_limit(REPLAY_REQUEST, over ? CB_ELIMIT : CB_EAGAIN,
                    over ? HTTP_ERROR_HEAD_TOO_LARGE : HTTP_ERROR_NONE, over ? 0 : 1);
    }
    text_start(CHUNKED_REQUEST "0\r\nX: ");
    text_fill('x', 17000);
    check_limit(REPLAY_REQUEST, CB_ELIMIT, HTTP_ERROR_HEAD_TOO_LARGE, 0);
}

TEST(limit_of_chunk_extensions)
{
    for (size_t over = 0; over < 2; over++) {
        text_start(CHUNKED_REQUEST "1;");
        text_fill('e', 256 + over);
        text_add("\r\nx\r\n0\r\n\r\n");
        check_limit(REPLAY_REQUEST, over ? CB_ELIMIT : CB_EAGAIN, over ? HTTP_ERROR_SYNTAX : HTTP_ERROR_NONE,
                    over ? 0 : 1);
    }
}

TEST(limit_of_interim_responses)
{
    text_start("");
    for (int i = 0; i < 16; i++) {
        text_add("HTTP/1.1 102 Wait\r\n\r\n");
    }
    check_limit(REPLAY_RESPONSE, CB_EAGAIN, HTTP_ERROR_NONE, 0);
    text_add("HTTP/1.1 204 No\r\n\r\n");
    for (int i = 0; i < 16; i++) {
        text_add("HTTP/1.1 102 Wait\r\n\r\n");
    }
    check_limit(REPLAY_RESPONSE, CB_EAGAIN, HTTP_ERROR_NONE, 1);
    text_add("HTTP/1.1 102 Wait\r\n\r\n");
    check_limit(REPLAY_RESPONSE, CB_ELIMIT, HTTP_ERROR_SYNTAX, 1);
}

/* ---- memory and cost ---- */

TEST(one_event_per_input_and_chunk)
{
    struct replay t;
    text_start("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 160000\r\n\r\n");
    size_t head = text.len;
    text_fill('b', 160000);
    replay_run(&t, REPLAY_REQUEST, span_of(text.bytes, text.len), head, 16000, false);
    CHECK_EQ_UINT(t.body_events, 10);
    CHECK_EQ_UINT(t.body_bytes, 160000);
    replay_free(&t);

    text_start(CHUNKED_REQUEST);
    for (int i = 0; i < 10; i++) {
        text_add("3e80\r\n");
        text_fill('c', 16000);
        text_add("\r\n");
    }
    replay_run(&t, REPLAY_REQUEST, span_of(text.bytes, text.len), 0, text.len, false);
    CHECK_EQ_UINT(t.body_events, 10);
    CHECK_EQ_UINT(t.body_bytes, 160000);
    replay_free(&t);
}

TEST(the_head_lives_until_the_call_after_the_end)
{
    struct http_parser *p = http_parser_new_request();
    struct http_event event;
    char bytes[] = CHUNKED_REQUEST "1\r\nx\r\n0\r\nT: u\r\n\r\n";
    struct span in = span_str(bytes);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    const struct http_head *head = event.head;
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_BODY);
    CHECK_EQ_INT(http_parser_next(p, &in, &event), 0);
    CHECK_EQ_INT(event.type, HTTP_EVENT_END);
    memset(bytes, '!', sizeof(bytes));
    CHECK(span_eq_str(head->method, "POST"));
    CHECK(span_eq_str(head->fields[1].value, "chunked"));
    CHECK_EQ_UINT(event.trailer_count, 1);
    CHECK(span_eq_str(event.trailers[0].value, "u"));
    CHECK_EQ_INT(http_parser_next(p, &in, &event), CB_EAGAIN);
    http_parser_free(p);
}

TEST(an_idle_parser_is_small)
{
    enum { COUNT = 1000 };
    static struct http_parser *parsers[COUNT];
    struct http_event event;
    text_start("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    text_fill('x', 20000);
    text_add("\r\n\r\n");
    size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < COUNT; i++) {
        struct span in = span_of(text.bytes, text.len);
        parsers[i] = http_parser_new_request();
        while (http_parser_next(parsers[i], &in, &event) == 0) {
        }
    }
    size_t each = (mallinfo2().uordblks - before) / COUNT;
    if (!CHECK(each < 1024)) {
        printf("  %zu bytes each\n", each);
    }
    for (size_t i = 0; i < COUNT; i++) {
        http_parser_free(parsers[i]);
    }
}

TEST_MAIN()
