/* Preloaded into a process, makes the path $FAKE_V4L2 a V4L2 camera of 640x480 YUYV at 15 fps.
 *
 * It sends $FAKE_FRAMES frames, the second of them damaged, and then hangs: what a blocking
 * VIDIOC_DQBUF does for ever. The path must be a FIFO; it is readable once something was
 * written into it, which happens here as long as there are frames.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WIDTH = 640, HEIGHT = 480, SIZE = WIDTH * HEIGHT * 2, BUFFERS = 4, STEP = 1 << 20 };

static int camera = -1, nonblock, sent;

static int frames(void) { return atoi(getenv("FAKE_FRAMES")); }

static int open_it(const char *symbol, const char *path, int flags, int mode) {
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, symbol);
    const char *fake = getenv("FAKE_V4L2");
    if (!fake || strcmp(path, fake)) return real(path, flags, mode);
    camera = real(path, O_RDWR | O_NONBLOCK);
    nonblock = flags & O_NONBLOCK;
    if (frames() && write(camera, "x", 1) != 1) return -1;
    return camera;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    return open_it("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    return open_it("open64", path, flags, mode);
}

static void *map_it(const char *symbol, void *at, size_t n, int prot, int flags, int fd, off_t o) {
    void *(*real)(void *, size_t, int, int, int, off_t) = dlsym(RTLD_NEXT, symbol);
    if (fd < 0 || fd != camera) return real(at, n, prot, flags, fd, o);
    return real(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t o) {
    return map_it("mmap", at, n, prot, flags, fd, o);
}

void *mmap64(void *at, size_t n, int prot, int flags, int fd, off_t o) {
    return map_it("mmap64", at, n, prot, flags, fd, o);
}

static int frame(struct v4l2_buffer *buffer) {
    char byte;
    if (sent >= frames()) {
        if (!nonblock) pause();
        errno = EAGAIN;
        return -1;
    }
    buffer->index = sent % BUFFERS;
    sent++;
    buffer->bytesused = sent == 2 ? 0 : SIZE;
    buffer->flags = sent == 2 ? V4L2_BUF_FLAG_ERROR : 0;
    buffer->timestamp.tv_sec = sent;
    if (sent == frames() && read(camera, &byte, 1) != 1) return -1;
    return 0;
}

int ioctl(int fd, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *asked = va_arg(rest, void *);
    va_end(rest);
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    if (fd < 0 || fd != camera) return real(fd, request, asked);
    switch (request) {
    case VIDIOC_QUERYCAP:
        ((struct v4l2_capability *)asked)->capabilities =
            V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;
    case VIDIOC_G_INPUT:
        *(int *)asked = 0;
        return 0;
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT: {
        struct v4l2_pix_format *format = &((struct v4l2_format *)asked)->fmt.pix;
        format->width = WIDTH;
        format->height = HEIGHT;
        format->pixelformat = V4L2_PIX_FMT_YUYV;
        format->field = V4L2_FIELD_NONE;
        format->bytesperline = WIDTH * 2;
        format->sizeimage = SIZE;
        return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_captureparm *capture = &((struct v4l2_streamparm *)asked)->parm.capture;
        capture->capability = V4L2_CAP_TIMEPERFRAME;
        capture->timeperframe.numerator = 1;
        capture->timeperframe.denominator = 15;
        return 0;
    }
    case VIDIOC_REQBUFS:
        ((struct v4l2_requestbuffers *)asked)->count = BUFFERS;
        return 0;
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = asked;
        buffer->length = SIZE;
        buffer->m.offset = buffer->index * STEP;
        return 0;
    }
    case VIDIOC_DQBUF:
        return frame(asked);
    case VIDIOC_ENUMINPUT:
    case VIDIOC_S_INPUT:
    case VIDIOC_QBUF:
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF:
        return 0;
    default:
        errno = ENOTTY;
        return -1;
    }
}
