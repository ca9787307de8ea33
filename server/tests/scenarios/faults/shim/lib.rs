//! Loaded into the process under test before the C library: sets its wall clock and makes its writes to files fail, as the
//! control file says. It is compiled by the test itself, and is no part of any crate.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

/// The control file.
#[repr(C)]
struct Control {
    /// Seconds that the wall clock is ahead.
    ahead: AtomicI64,
    /// The error of every write to a file; 0 for none.
    write_error: AtomicI64,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn mmap(at: *mut c_void, size: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
    fn __errno_location() -> *mut c_int;
}

#[cfg(target_arch = "x86_64")]
mod number {
    pub const CLOCK_GETTIME: i64 = 228;
    pub const WRITE: i64 = 1;
    pub const PWRITE: i64 = 18;
    pub const FTRUNCATE: i64 = 77;
    pub const FSTAT: i64 = 5;
    /// Where `st_mode` stands in what it answers.
    pub const MODE: usize = 24;
}
#[cfg(target_arch = "aarch64")]
mod number {
    pub const CLOCK_GETTIME: i64 = 113;
    pub const WRITE: i64 = 64;
    pub const PWRITE: i64 = 68;
    pub const FTRUNCATE: i64 = 46;
    pub const FSTAT: i64 = 80;
    /// Where `st_mode` stands in what it answers.
    pub const MODE: usize = 16;
}

static CONTROL: AtomicPtr<Control> = AtomicPtr::new(null_mut());

fn control() -> Option<&'static Control> {
    let known = CONTROL.load(Ordering::Acquire);
    if !known.is_null() {
        return Some(unsafe { &*known });
    }
    unsafe {
        let path = getenv(c"FAULTS_OF_THE_MACHINE".as_ptr());
        if path.is_null() {
            return None;
        }
        let file = open(path, 0);
        let mapped = mmap(null_mut(), size_of::<Control>(), 1, 1, file, 0);
        if file < 0 || mapped as isize == -1 {
            return None;
        }
        CONTROL.store(mapped.cast(), Ordering::Release);
        Some(&*mapped.cast())
    }
}

/// Whether it is a file, and not a socket or what a runtime wakes itself by.
fn is_file(file: c_int) -> bool {
    let mut answer = [0_u32; 64];
    let done = unsafe { syscall(number::FSTAT, file, answer.as_mut_ptr()) };
    done == 0 && answer[number::MODE / 4] & 0o170_000 == 0o100_000
}

/// Whether this write is to fail; what is printed is let through.
fn fails(file: c_int) -> bool {
    let error = control().map_or(0, |control| control.write_error.load(Ordering::Relaxed));
    if error == 0 || file <= 2 || !is_file(file) {
        return false;
    }
    unsafe { *__errno_location() = error as c_int };
    true
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, now: *mut Timespec) -> c_int {
    const REALTIME: [c_int; 2] = [0, 5];
    let result = unsafe { syscall(number::CLOCK_GETTIME, clock, now) } as c_int;
    if result == 0
        && REALTIME.contains(&clock)
        && let Some(control) = control()
    {
        unsafe { (*now).seconds += control.ahead.load(Ordering::Relaxed) };
    }
    result
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(file: c_int, bytes: *const c_void, size: usize) -> isize {
    if fails(file) { -1 } else { unsafe { syscall(number::WRITE, file, bytes, size) as isize } }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(file: c_int, bytes: *const c_void, size: usize, at: i64) -> isize {
    if fails(file) { -1 } else { unsafe { syscall(number::PWRITE, file, bytes, size, at) as isize } }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(file: c_int, bytes: *const c_void, size: usize, at: i64) -> isize {
    unsafe { pwrite64(file, bytes, size, at) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(file: c_int, size: i64) -> c_int {
    if fails(file) { -1 } else { unsafe { syscall(number::FTRUNCATE, file, size) as c_int } }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(file: c_int, size: i64) -> c_int {
    unsafe { ftruncate64(file, size) }
}
