using System.Runtime.InteropServices;

namespace Grid.Tests.Simulation;

/// <summary>Work that can wait: beside it there may be tests of real clusters, whose silos are given up when they get no processor for a second.</summary>
internal static partial class Background
{
    private const int OfThread = 0;
    private const uint Own = 0;
    private const int Nice = 10;

    /// <summary>From now on the calling thread gets what processor time others leave (a no-op where that is not Linux's way).</summary>
    /// <remarks>See setpriority(2): there a thread's own niceness, not its process's.</remarks>
    public static void Enter()
    {
        if (OperatingSystem.IsLinux() && SetPriority(OfThread, Own, Nice) != 0)
            throw new InvalidOperationException($"The thread's priority cannot be lowered: error {Marshal.GetLastPInvokeError()}.");
    }

    [LibraryImport("libc", EntryPoint = "setpriority", SetLastError = true)]
    private static partial int SetPriority(int which, uint who, int priority);
}
