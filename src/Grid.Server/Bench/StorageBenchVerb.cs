using System.CommandLine;
using System.Globalization;
using Grid.Server.Terminals;

namespace Grid.Server.Bench;

/// <summary><c>grid bench storage</c>: the storage engine by itself, in this process.</summary>
internal static class StorageBenchVerb
{
    public static Command Create()
    {
        StorageBenchOptions defaults = new();
        Option<int> entries = new("--entries") { Description = "Entries of the large store.", DefaultValueFactory = _ => defaults.Entries };
        Option<int> keyBytes = new("--key-bytes") { Description = "Bytes of a key, at least 8.", DefaultValueFactory = _ => defaults.KeyBytes };
        Option<int> valueBytes = new("--value-bytes") { Description = "Bytes of a value.", DefaultValueFactory = _ => defaults.ValueBytes };
        Option<bool> ttl = new("--ttl") { Description = "Give every entry a time to live." };
        Option<int> operations = new("--operations") { Description = "Random operations per measurement.", DefaultValueFactory = _ => defaults.Operations };
        Option<int> rounds = new("--rounds") { Description = "Measurements of each rate; median and best are shown.", DefaultValueFactory = _ => defaults.Rounds };
        Option<int> shards = new("--shards") { Description = "Stores over which the entries are spread.", DefaultValueFactory = _ => defaults.Shards };
        Option<bool> json = new("--json") { Description = "Answer as JSON." };
        Command storage = new("storage", "Measures the storage engine by itself, without any cluster: bytes per entry, rates, longest operation.") { entries, keyBytes, valueBytes, ttl, operations, rounds, shards, json };
        foreach (Option<int> option in (Option<int>[])[entries, keyBytes, valueBytes, operations, rounds, shards])
        {
            int least = option == keyBytes ? 8 : option == valueBytes ? 0 : 1;
            option.Validators.Add(result =>
            {
                if (result.Tokens.Count > 0 && result.GetValue(option) < least)
                    result.AddError($"{option.Name} is at least {least}.");
            });
        }

        storage.SetAction(parsed =>
        {
            List<StorageBenchResult> results = [];
            new StorageBench(new StorageBenchOptions
            {
                Entries = parsed.GetValue(entries),
                KeyBytes = parsed.GetValue(keyBytes),
                ValueBytes = parsed.GetValue(valueBytes),
                Ttl = parsed.GetValue(ttl),
                Operations = parsed.GetValue(operations),
                Rounds = parsed.GetValue(rounds),
                Shards = parsed.GetValue(shards),
            }).Run(result =>
            {
                results.Add(result);
                if (!parsed.GetValue(json))
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Name,-48} {result.Median,16:N2} {result.Unit,-8} best {result.Best,16:N2}"));
            });
            if (parsed.GetValue(json))
                Terminal.WriteJson(results);
            return ExitCode.Done;
        });
        return storage;
    }
}
