using System.Globalization;
using System.Text.RegularExpressions;
using Grid.Client.Contracts.Operator;
using SiloStatus = Grid.Client.Contracts.Operator.SiloStatus;

namespace Grid.Server.Clusters;

/// <summary>Silos and shards as people name them.</summary>
internal static partial class SiloNames
{
    /// <summary>The address with its generation of a silo that is named by name or address.</summary>
    /// <exception cref="CommandException">There is none, or more than one.</exception>
    public static string Find(ClusterStatus status, string silo)
    {
        SiloStatus[] found = [.. status.Silos.Where(known => known.Name == silo || known.Address == silo || known.Address.Split('@')[0] == silo)];
        return found.Length == 1 ? found[0].Address : throw new CommandException(
            ExitCode.Usage,
            $"there is {(found.Length == 0 ? "no silo" : "more than one silo")} '{silo}'. The silos are: {string.Join(", ", status.Silos.Select(known => $"{known.Name} ({known.Address.Split('@')[0]})"))}.");
    }

    /// <summary>The name of a silo, or its address where it is not known any more.</summary>
    public static string Of(ClusterStatus status, string address) => status.Silos.FirstOrDefault(silo => silo.Address == address)?.Name ?? address.Split('@')[0];

    /// <summary>A text with the names of silos in place of their addresses with generations, and of the copies' ids behind those.</summary>
    public static string InText(string text, Func<string, string> nameOf) => Addresses().Replace(text, match => nameOf(match.Groups[1].Value));

    /// <summary>The number of a shard.</summary>
    /// <exception cref="CommandException">There is no such shard.</exception>
    public static int Shard(ClusterStatus status, string shard) =>
        int.TryParse(shard, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < status.Shards.Count
            ? number
            : throw new CommandException(ExitCode.Usage, $"'{shard}' is no shard: 0 to {status.Shards.Count - 1}.");

    [GeneratedRegex(@"([^\s,;\[\]()]+:[0-9]+@[0-9]+)(/[0-9a-f]{8})?")]
    private static partial Regex Addresses();
}
