using System.Runtime.InteropServices;

namespace Grid.Silo.Snapshots;

/// <summary>How much of the processor a thread gets where it is short.</summary>
internal static partial class Niceness
{
    private const int PriorityOfProcess = 0;

    /// <summary>Sets that of the calling thread alone; where that is refused or unknown, nothing changes.</summary>
    /// <param name="niceness">0 for that of an ordinary thread; 5 gives it a third of that one's share, 10 a tenth.</param>
    /// <remarks>https://man7.org/linux/man-pages/man2/setpriority.2.html: on Linux, and only there, each thread has its own.</remarks>
    public static void OfThisThread(int niceness)
    {
        if (OperatingSystem.IsLinux())
            _ = SetPriority(PriorityOfProcess, 0, niceness);
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);
}
