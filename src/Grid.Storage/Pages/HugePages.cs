using System.Runtime.InteropServices;

namespace Grid.Storage.Pages;

/// <summary>
/// Asks Linux to back a slab with pages of 2 MiB, where it does so on request only. A lookup at a random place then misses the
/// translation caches far less often. A hint: where it is refused or unknown, nothing changes.
/// </summary>
internal static unsafe partial class HugePages
{
    private const int AdviseHugePage = 14;
    private const int SmallPageBytes = 4096;

    /// <summary>Gives the hint for the whole small pages within the range.</summary>
    public static void Advise(byte* start, nint bytes)
    {
        if (!OperatingSystem.IsLinux())
            return;
        nint first = ((nint)start + SmallPageBytes - 1) & -SmallPageBytes;
        nint end = ((nint)start + bytes) & -SmallPageBytes;
        _ = Advise(first, end - first, AdviseHugePage);
    }

    // https://man7.org/linux/man-pages/man2/madvise.2.html
    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nint length, int advice);
}
