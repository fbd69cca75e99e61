using System.Globalization;

namespace Grid.Server.Terminals;

/// <summary>Numbers as people read them.</summary>
internal static class Amounts
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>Bytes with a binary unit.</summary>
    public static string Bytes(double bytes)
    {
        int unit = 0;
        while (Math.Abs(bytes) >= 1024 && unit < Units.Length - 1)
        {
            bytes /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes:0.#} {Units[unit]}");
    }

    /// <summary>A count with separators.</summary>
    public static string Count(double count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A rate per second.</summary>
    public static string Rate(double count, TimeSpan time) => Count(count / Math.Max(time.TotalSeconds, 0.001)) + "/s";

    /// <summary>A rate of bytes per second.</summary>
    public static string ByteRate(double bytes, TimeSpan time) => Bytes(bytes / Math.Max(time.TotalSeconds, 0.001)) + "/s";

    /// <summary>Seconds with one decimal.</summary>
    public static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");
}
