using System.Globalization;

namespace Grid.Client.Keyspaces;

/// <summary>Everything that is checked before anything is sent.</summary>
internal static class Checks
{
    private static readonly TimeSpan MomentMax = new DateTimeOffset(2900, 1, 1, 0, 0, 0, TimeSpan.Zero) - DateTimeOffset.UnixEpoch;

    public static void Key(ReadOnlySpan<byte> key)
    {
        if ((uint)(key.Length - 1) >= GridLimits.KeyBytesMax)
            ThrowKey(key);
    }

    public static void Value(ReadOnlySpan<byte> value)
    {
        if (value.Length > GridLimits.ValueBytesMax)
            throw new ArgumentException($"A value of {value.Length} bytes is over the limit of {GridLimits.ValueBytesMax} (64 MiB). Split it, or keep it elsewhere.", nameof(value));
    }

    public static void KeyspaceName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length is 0 or > GridLimits.KeyspaceNameLengthMax)
            throw new ArgumentException($"A keyspace's name has 1 to {GridLimits.KeyspaceNameLengthMax} characters; this one has {name.Length}.", nameof(name));
        for (int i = 0; i < name.Length; i++)
        {
            char c = name[i];
            if (char.IsAsciiLetterOrDigit(c) || c == '_' || (i > 0 && c is '.' or '-' or ':'))
                continue;
            throw new ArgumentException(
                $"A keyspace's name consists of ASCII letters, digits and . _ - : and begins with a letter, a digit or _; '{name}' has U+{(int)c:X4} at place {i + 1}.", nameof(name));
        }
    }

    /// <summary>A time to live in whole milliseconds, rounded up.</summary>
    public static long TimeToLive(TimeSpan time, string name)
    {
        if (time <= TimeSpan.Zero || time > GridLimits.TimeToLiveMax)
            throw new ArgumentOutOfRangeException(name, time, $"A time to live is more than zero and at most {GridLimits.TimeToLiveMax.Days} days; to take an expiry away use PersistAsync.");
        return (time.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond;
    }

    /// <summary>A moment of expiry in Unix milliseconds.</summary>
    public static long Moment(DateTimeOffset moment, string name)
    {
        long unixMs = moment.ToUnixTimeMilliseconds();
        if (unixMs <= 0 || moment - DateTimeOffset.UnixEpoch > MomentMax)
            throw new ArgumentOutOfRangeException(name, moment, "A moment of expiry is after 1970 and before 2900.");
        return unixMs;
    }

    public static int Timeout(TimeSpan timeout, string name)
    {
        if (timeout < TimeSpan.FromMilliseconds(1) || timeout > GridLimits.TimeoutMax)
            throw new ArgumentOutOfRangeException(name, timeout, "A timeout is 1 ms to 1 day.");
        return (int)timeout.TotalMilliseconds;
    }

    public static int MaxStaleness(TimeSpan bound, string name)
    {
        if (bound < TimeSpan.FromMilliseconds(1) || bound > GridLimits.TimeoutMax)
            throw new ArgumentOutOfRangeException(name, bound, "A bound on staleness is 1 ms to 1 day.");
        return (int)bound.TotalMilliseconds;
    }

    public static Durability Durability(Durability durability, string name) =>
        durability is Client.Durability.Replicated or Client.Durability.Primary
            ? durability
            : throw new ArgumentOutOfRangeException(name, durability, "Durability is Replicated or Primary.");

    public static ReadMode ReadMode(ReadMode mode, string name) =>
        mode is Client.ReadMode.Linearizable or Client.ReadMode.Primary or Client.ReadMode.Local
            ? mode
            : throw new ArgumentOutOfRangeException(name, mode, "ReadMode is Linearizable, Primary or Local.");

    public static void Version(ulong version, string name)
    {
        if (version == 0)
            throw new ArgumentOutOfRangeException(name, version, "No entry has version 0; to write only where there is no entry use SetOptions.IfAbsent.");
    }

    public static void ManyKeys(int count, string name)
    {
        if (count > GridLimits.ManyKeysMax)
            throw new ArgumentException($"One call takes at most {GridLimits.ManyKeysMax} keys; these are {count.ToString(CultureInfo.InvariantCulture)}.", name);
    }

    public static int InRange(int value, int defaultValue, int min, int max, string name)
    {
        if (value == 0)
            return defaultValue;
        return value >= min && value <= max ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} is {min} to {max}, or 0 for {defaultValue}.");
    }

    private static void ThrowKey(ReadOnlySpan<byte> key) => throw new ArgumentException(
        key.IsEmpty
            ? $"A key has 1 to {GridLimits.KeyBytesMax} bytes; this one is empty."
            : $"A key of {key.Length} bytes is over the limit of {GridLimits.KeyBytesMax} (64 KiB). Use a digest of it as the key.",
        nameof(key));
}
