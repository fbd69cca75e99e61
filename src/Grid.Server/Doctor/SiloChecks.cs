using Grid.Client.Contracts.Operator;
using Grid.Server.Terminals;

namespace Grid.Server.Doctor;

/// <summary>What single silos are like, and how they differ: processes, machines, clocks, builds, settings.</summary>
internal static class SiloChecks
{
    private const double ClockWarningMs = 500;
    private const double ClockErrorMs = 5000;
    private const double FullOfHeap = 0.9;
    private const double FullOfMemory = 0.92;
    private const double FullAfterLoss = 0.85;
    private const double LogsOfHeap = 0.25;
    private const double FullOfDescriptors = 0.8;
    private const int DescriptorsMin = 4096;

    /// <summary>Settings that are a silo's own.</summary>
    private static readonly string[] OwnSettings = ["Weight", "SnapshotDirectory"];

    public static void Check(IReadOnlyList<SiloExamination> silos, Func<string, string> nameOf, Findings findings)
    {
        foreach (SiloExamination silent in silos.Where(static silo => silo.Problem is not null))
            findings.Error("silo.silent", $"{nameOf(silent.Silo)} does not answer: {silent.Problem!.TrimEnd('.')}.", "Look at its log and its load; one that stays like this has to be restarted.");
        SiloExamination[] answered = [.. silos.Where(static silo => silo.Problem is null)];
        foreach (SiloExamination silo in answered)
        {
            string name = nameOf(silo.Silo);
            CheckMemory(silo, name, answered, findings);
            CheckDescriptors(silo, name, findings);
            double apart = Math.Abs(silo.ClockAheadMs) - silo.ClockUncertaintyMs;
            if (apart > ClockWarningMs)
                findings.Add(apart > ClockErrorMs ? Severity.Error : Severity.Warning, "clock.silos", $"The clock of {name} is {ClockText.Of(silo.ClockAheadMs)} that of the silo which was asked: entries live shorter or longer when their shard changes hands.", "Have the clocks of all machines set by NTP (chrony, systemd-timesyncd).");
        }

        CheckSame("version.mix", "builds of the grid", answered, static silo => silo.Version, nameOf, "Finish the upgrade: a mix is for its duration only.", findings);
        CheckSame("version.runtime", "runtimes", answered, static silo => silo.Runtime, nameOf, "Give all silos the same image.", findings);
        foreach (string key in answered.SelectMany(static silo => silo.Settings.Keys).Distinct().Except(OwnSettings).Order(StringComparer.Ordinal))
            CheckSame("settings.differ", $"values of Grid:{key}", answered, silo => silo.Settings.GetValueOrDefault(key, "none"), nameOf, "Give all silos the same silo.json; what holds from the start takes a restart of those that have the old value.", findings);
    }

    private static void CheckMemory(SiloExamination silo, string name, SiloExamination[] all, Findings findings)
    {
        if (!silo.ServerGc)
            findings.Warn("memory.gc", $"{name} runs with the garbage collector for workstations.", "Take DOTNET_gcServer=0 out of its environment, or System.GC.Server out of its runtimeconfig.json.");
        if (silo.MemoryLimitBytes > 0 && silo.HeapLimitBytes > silo.MemoryLimitBytes)
            findings.Error("memory.limit", $"The garbage collector of {name} may have {Amounts.Bytes(silo.HeapLimitBytes)}, but its process only {Amounts.Bytes(silo.MemoryLimitBytes)}: the kernel will end it.", "Take DOTNET_GCHeapHardLimit out, or set it to three quarters of the limit.");
        if (silo.MemoryLimitBytes > 0 && silo.ResidentBytes > FullOfMemory * silo.MemoryLimitBytes)
            findings.Error("memory.resident", $"{name} has {Amounts.Bytes(silo.ResidentBytes)} of the {Amounts.Bytes(silo.MemoryLimitBytes)} that it may have: the kernel will end it.", "Give it more memory, or start more silos.");
        if (silo.HeapLimitBytes <= 0)
            return;
        long held = silo.DataBytes + silo.LogBytes;
        int others = all.Length - 1;
        double afterLoss = others < 1 ? held : held * (double)all.Length / others;
        string limit = $"the {Amounts.Bytes(silo.HeapLimitBytes)} that its garbage collector may have";
        if (held > FullOfHeap * silo.HeapLimitBytes)
            findings.Error("memory.full", $"{name} holds {Amounts.Bytes(held)} of data and logs, of {limit}.", "Start more silos, or give each more memory.");
        else if (others > 0 && afterLoss > FullAfterLoss * silo.HeapLimitBytes)
            findings.Warn("memory.headroom", $"{name} holds {Amounts.Bytes(held)} of data and logs; with one silo lost it would be {Amounts.Bytes((long)afterLoss)}, of {limit}.", "Start another silo, or give each more memory: what a lost silo held has to have room on the others.");
        if (long.TryParse(silo.Settings.GetValueOrDefault("BacklogBytesMax"), out long backlog) && silo.Copies * backlog > LogsOfHeap * silo.HeapLimitBytes)
            findings.Warn("memory.backlog", $"The backlogs of {name}'s {silo.Copies} copies may grow to {Amounts.Bytes(silo.Copies * backlog)}, of {limit}.", $"Lower Grid:BacklogBytesMax ({Amounts.Bytes(backlog)}) to {Amounts.Bytes(Math.Max(64 << 10, (long)(LogsOfHeap * silo.HeapLimitBytes / silo.Copies)))} or less, or count it in.");
    }

    private static void CheckDescriptors(SiloExamination silo, string name, Findings findings)
    {
        if (silo.DescriptorsMax == 0)
            return;
        if (silo.DescriptorsOpen > FullOfDescriptors * silo.DescriptorsMax)
            findings.Error("descriptors.full", $"{name} has {silo.DescriptorsOpen} of {silo.DescriptorsMax} file descriptors open: soon it takes no more connections.", "Raise its limit (ulimit -n, LimitNOFILE), and see who opens so many connections.");
        else if (silo.DescriptorsMax < DescriptorsMin)
            findings.Warn("descriptors.limit", $"{name} may have {silo.DescriptorsMax} file descriptors only: each client and each silo takes some.", "Raise the limit to 65536 (ulimit -n, LimitNOFILE).");
    }

    private static void CheckSame(string check, string what, SiloExamination[] silos, Func<SiloExamination, string> value, Func<string, string> nameOf, string change, Findings findings)
    {
        IGrouping<string, SiloExamination>[] groups = [.. silos.GroupBy(value).OrderByDescending(static group => group.Count())];
        if (groups.Length > 1)
            findings.Warn(check, $"The silos have different {what}: {string.Join("; ", groups.Select(group => $"{group.Key} ({string.Join(", ", group.Select(silo => nameOf(silo.Silo)).Take(8))})"))}.", change);
    }
}
