using System.Buffers;
using Grid.Client.Operations;
using Grid.Formats.Operations;
using OperationStatus = Grid.Formats.Operations.OperationStatus;

namespace Grid.Client.Keyspaces;

/// <summary>Results as bytes, numbers and truths.</summary>
internal static class Readers
{
    public static readonly ResultReader<byte[]?> Bytes =
        static (_, in result) => result.Status == OperationStatus.Ok ? result.Value.ToArray() : null;

    public static readonly ResultReader<bool> CopyBytes = static (operation, in result) =>
    {
        if (result.Status != OperationStatus.Ok)
            return false;
        ((IBufferWriter<byte>)operation.State!).Write(result.Value);
        return true;
    };

    public static readonly ResultReader<GridEntry<byte[]>> Entry = static (_, in result) =>
        result.Status == OperationStatus.Ok ? new(true, result.Value.ToArray(), result.Version, ExpiresAt(result.ExpiryUnixMs)) : default;

    public static readonly ResultReader<GetOrAddResult<byte[]>> GetOrAdd = static (operation, in result) =>
        result.Status == OperationStatus.Ok
            ? new((byte[])operation.State!, true, result.Version)
            : new(result.Value.ToArray(), false, result.Version);

    public static readonly ResultReader<SetResult> Set =
        static (_, in result) => result.Status == OperationStatus.Ok ? new(true, result.Version) : default;

    public static readonly ResultReader<ulong> Version = static (_, in result) => result.Version;

    public static readonly ResultReader<long> Number = static (_, in result) => result.Number;

    public static readonly ResultReader<bool> IsOk = static (_, in result) => result.Status == OperationStatus.Ok;

    public static readonly ResultReader<KeyspaceCounts> Counts =
        static (_, in result) => result.HasValue ? KeyspaceCounts.Read(result.Value) : default;

    public static readonly ResultReader<byte[]> Page = static (_, in result) => result.Value.ToArray();

    public static readonly ResultReader<GridExpiry> Expiry = static (operation, in result) =>
    {
        if (result.Status != OperationStatus.Ok)
            return default;
        DateTimeOffset? at = ExpiresAt(result.ExpiryUnixMs);
        if (at is null)
            return new(true, null, null);
        TimeSpan left = at.Value - ((TimeProvider)operation.State!).GetUtcNow();
        return new(true, at, left > TimeSpan.Zero ? left : TimeSpan.Zero);
    };

    /// <summary>An expiry as a time; null for none.</summary>
    public static DateTimeOffset? ExpiresAt(long unixMs) =>
        unixMs == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(unixMs, 0, 253_402_300_799_999));
}
