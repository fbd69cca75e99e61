using System.Runtime.InteropServices;

namespace Grid.Tests.Simulation;

/// <summary>Work that can wait: beside it there may be tests of real clusters, whose silos are given up when they get no processor for a second.</summary>
internal static partial class Background
{
    private const int OfProcessOrThread = 0;
    private const uint Own = 0;
    private const int Nice = 10;

    /// <summary>From now on the calling thread gets what processor time others leave. A courtesy: where a system does not know of it, nothing changes.</summary>
    /// <remarks>See setpriority(2): on Linux, and only there, a thread has a niceness of its own.</remarks>
    public static void Enter()
    {
        if (OperatingSystem.IsLinux())
            _ = SetPriority(OfProcessOrThread, Own, Nice);
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);
}
