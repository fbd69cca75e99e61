using System.Globalization;

namespace Grid.Silo.Examination;

/// <summary>What the system allows this process. Figures that it does not tell are 0.</summary>
internal static class ProcessFacts
{
    private const string ControlGroups = "/sys/fs/cgroup";

    /// <summary>Bytes of memory that the process may have: the least limit of its control groups, otherwise what the machine has.</summary>
    public static long MemoryLimitBytes()
    {
        long machine = Read("/proc/meminfo") is { } text ? MachineBytes(text) : 0;
        long group = GroupLimit(Read("/proc/self/cgroup") ?? "", Read);
        return group == 0 ? machine : machine == 0 ? group : Math.Min(group, machine);
    }

    /// <summary>File descriptors that are open.</summary>
    public static long DescriptorsOpen() => Directory.Exists("/proc/self/fd") ? Directory.GetFileSystemEntries("/proc/self/fd").Length : 0;

    /// <summary>File descriptors that may be open.</summary>
    public static long DescriptorsMax() => Read("/proc/self/limits") is { } text ? SoftLimit(text, "Max open files") : 0;

    /// <summary>The least limit of the control groups that the process is in, by <c>/proc/self/cgroup</c>; 0 for none. Both versions of the interface.</summary>
    internal static long GroupLimit(string membership, Func<string, string?> read)
    {
        long least = 0;
        foreach (string line in membership.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = line.Split(':', 3);
            if (parts.Length < 3)
                continue;
            bool second = parts[0] == "0" && parts[1].Length == 0;
            if (!second && !parts[1].Split(',').Contains("memory"))
                continue;
            for (string path = parts[2]; ; path = path[..Math.Max(path.LastIndexOf('/'), 0)])
            {
                string file = second ? $"{ControlGroups}{path.TrimEnd('/')}/memory.max" : $"{ControlGroups}/memory{path.TrimEnd('/')}/memory.limit_in_bytes";
                if (long.TryParse(read(file)?.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long limit) && limit is > 0 and < long.MaxValue / 2)
                    least = least == 0 ? limit : Math.Min(least, limit);
                if (path.Trim('/').Length == 0)
                    break;
            }
        }

        return least;
    }

    /// <summary>A soft limit of <c>/proc/self/limits</c>.</summary>
    internal static long SoftLimit(string limits, string name)
    {
        string? line = limits.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        string? soft = line?[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return soft == "unlimited" ? long.MaxValue : long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out long limit) ? limit : 0;
    }

    private static long MachineBytes(string memory)
    {
        string? total = memory.Split('\n').FirstOrDefault(line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
        return long.TryParse(total?.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], NumberStyles.None, CultureInfo.InvariantCulture, out long kibibytes) ? kibibytes << 10 : 0;
    }

    private static string? Read(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllText(file) : null;
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
