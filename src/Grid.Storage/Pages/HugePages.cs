using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Grid.Storage.Pages;

/// <summary>
/// Has the operating system put memory behind a slab before anyone needs it; on Linux, where that is done on request only, in pages of 2 MiB. A lookup
/// at a random place then misses the translation caches far less often. The request is a hint: refused or unknown, nothing changes.
/// </summary>
internal static unsafe partial class HugePages
{
    private const int AdviseHugePage = 14;
    private const int SmallPageBytes = 4096;

    /// <summary>Gives the hint for the whole small pages within the pinned array, and touches each.</summary>
    public static void Back(byte[] pinned)
    {
        nint start = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));
        nint first = (start + SmallPageBytes - 1) & -SmallPageBytes;
        nint end = (start + pinned.Length) & -SmallPageBytes;
        if (OperatingSystem.IsLinux())
            _ = Advise(first, end - first, AdviseHugePage);
        for (nint page = first; page < end; page += SmallPageBytes)
            *(byte*)page = 0;
    }

    // https://man7.org/linux/man-pages/man2/madvise.2.html
    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nint length, int advice);
}
